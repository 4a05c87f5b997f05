//! Chain IDs: the names of stacks of layers (OCI image configuration, "Layer ChainID").

use crate::digest::Digest;

/// The chain ID of each layer, given the diffIDs from the base upwards.
pub(crate) fn chain_ids(diff_ids: impl IntoIterator<Item = Digest>) -> Vec<Digest> {
    let step = |below: &mut Option<Digest>, diff_id| {
        let chain_id = match below {
            None => diff_id,
            Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
        };
        *below = Some(chain_id);
        Some(chain_id)
    };
    diff_ids.into_iter().scan(None, step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_depends_on_all_below() {
        let [a, b] = [Digest::of(b"a"), Digest::of(b"b")];
        let chain = chain_ids([a, b, a]);
        assert_eq!(chain[0], a);
        assert_eq!(chain[1], Digest::of(format!("{a} {b}").as_bytes()));
        assert_eq!(chain[2], Digest::of(format!("{} {a}", chain[1]).as_bytes()));
    }
}
