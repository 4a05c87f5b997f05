//! The engine: containers, images and networks behind one façade.
