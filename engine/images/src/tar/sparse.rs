//! Sparse files: GNU's old header format, and the PAX formats 0.0, 0.1 and 1.0.

use ::tar::{EntryType, GnuExtSparseHeader, GnuSparseHeader, Header};

use super::entry::Entry;
use super::pax::{self, Pax};
use super::{BLOCK, Source, TarError, TarReader};

/// More pieces than any sane sparse file has; a bound on the memory of its map.
const MAX_PIECES: usize = 1 << 18;

/// Completes `entry` with its map, if it is sparse. Whatever part of the map lies in the archive is read off.
pub(super) fn resolve<S: Source>(
    entry: &mut Entry,
    header: &Header,
    pax: &Pax,
    reader: &mut TarReader<S>,
) -> Result<(), TarError> {
    let (size, map) = if header.entry_type() == EntryType::GNUSparse {
        old_format(header, reader)?
    } else if let Some(size) = pax.sparse.size {
        let numbers = match pax.sparse.major {
            Some(1) => leading_map(reader)?,
            _ => pax.sparse.map.clone(),
        };
        (size, pairs(&numbers)?)
    } else {
        return Ok(());
    };
    check(&map, size, reader.data)?;
    entry.size = size;
    entry.sparse = Some(map);
    Ok(())
}

/// The map in the header and the extension blocks that follow it.
fn old_format<S: Source>(header: &Header, reader: &mut TarReader<S>) -> Result<(u64, Vec<(u64, u64)>), TarError> {
    let malformed = |_| TarError::Sparse("bad number");
    let header = header.as_gnu().ok_or(TarError::Sparse("not a GNU header"))?;
    let mut map = Vec::new();
    let mut add = |pieces: &[GnuSparseHeader]| -> Result<(), TarError> {
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            map.push((piece.offset().map_err(malformed)?, piece.length().map_err(malformed)?));
        }
        if map.len() > MAX_PIECES { Err(TarError::Sparse("too many pieces")) } else { Ok(()) }
    };
    add(&header.sparse)?;
    let mut more = header.is_extended();
    while more {
        let mut block = GnuExtSparseHeader::new();
        reader.read_block(block.as_mut_bytes())?;
        add(&block.sparse)?;
        more = block.is_extended();
    }
    Ok((header.real_size().map_err(malformed)?, map))
}

/// The map of format 1.0: decimal numbers, one a line, padded to a block, at the start of the data.
fn leading_map<S: Source>(reader: &mut TarReader<S>) -> Result<Vec<u64>, TarError> {
    let mut block = [0; BLOCK as usize];
    let mut line = Vec::new();
    let mut numbers: Vec<u64> = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|wanted| numbers.len() < wanted) {
        reader.read_data(&mut block)?;
        for byte in block {
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err(TarError::Sparse("bad number"));
                }
                continue;
            }
            let number = pax::number(&line)?;
            line.clear();
            match wanted {
                None if number > MAX_PIECES as u64 => return Err(TarError::Sparse("too many pieces")),
                None => wanted = Some(number as usize * 2),
                Some(_) => numbers.push(number),
            }
            if wanted == Some(numbers.len()) {
                break;
            }
        }
    }
    Ok(numbers)
}

fn pairs(numbers: &[u64]) -> Result<Vec<(u64, u64)>, TarError> {
    match numbers.len().is_multiple_of(2) && numbers.len() / 2 <= MAX_PIECES {
        true => Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()),
        false => Err(TarError::Sparse("too many pieces, or half of one")),
    }
}

/// Pieces lie in order inside the file, and together are the stored data.
fn check(map: &[(u64, u64)], size: u64, stored: u64) -> Result<(), TarError> {
    let (mut end, mut total) = (0, 0);
    for (offset, length) in map {
        if *offset < end {
            return Err(TarError::Sparse("overlapping pieces"));
        }
        end = offset.checked_add(*length).ok_or(TarError::Sparse("a piece beyond any file's end"))?;
        total += length;
    }
    match end <= size && total == stored {
        true => Ok(()),
        false => Err(TarError::Sparse("the pieces do not add up")),
    }
}
