//! A form that makes up a command line.

use porthole_widgets::form::Form;

/// Fields to fill in, and the command line that they stand for.
pub trait Fields {
    /// What stands above them.
    fn title(&self) -> String;
    /// The fields.
    fn form(&self) -> &Form;
    /// The same, to be typed into.
    fn form_mut(&mut self) -> &mut Form;
    /// Says of every field whether it is sound.
    fn check(&mut self);
    /// The command line that does what is typed; nothing when there is nothing to do.
    fn argv(&self) -> Option<Vec<String>>;
    /// What is said when there is nothing to do.
    fn idle(&self) -> &'static str;
}

/// A form that is open.
pub struct CommandForm {
    /// Its fields.
    pub fields: Box<dyn Fields>,
    /// What the engine said of all of it together.
    pub problem: Option<String>,
    /// The number of its command line, while that runs.
    pub job: Option<usize>,
}

impl CommandForm {
    /// A form that nothing was done with yet.
    pub fn new(fields: impl Fields + 'static) -> Self {
        Self { fields: Box::new(fields), problem: None, job: None }
    }

    /// Checks all fields; whether all are sound.
    pub fn check(&mut self) -> bool {
        self.problem = None;
        self.fields.check();
        self.first_error().is_none()
    }

    /// The first field with something wrong.
    pub fn first_error(&self) -> Option<usize> {
        self.fields.form().fields.iter().position(|field| field.error.is_some())
    }
}
