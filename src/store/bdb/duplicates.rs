//! The values of a key that has so many that they fill pages of their own: a small tree of record numbers or of sorted
//! values. Only its leaves matter here; they are chained from left to right.

use std::collections::BTreeSet;

use super::hash::{HashFile, Take, check_link};
use super::page::{self, Read, damaged};
use crate::secret::Secret;

/// Inner pages: of sorted values, and of record numbers.
const TYPE_INNER_SORTED: u8 = 3;
const TYPE_INNER_NUMBERED: u8 = 4;
/// Leaves: of sorted values, and of record numbers.
const TYPE_LEAF_SORTED: u8 = 12;
const TYPE_LEAF_NUMBERED: u8 = 6;
/// More levels than any file can have.
const MAX_DEPTH: usize = 32;

/// Item types of a leaf.
const ITEM_INLINE: u8 = 1;
const ITEM_OVERFLOW: u8 = 3;
const ITEM_DELETED: u8 = 0x80;

/// The values under the tree with this root. `seen` gets the pages.
pub(super) fn read(file: &HashFile, root: u32, take: Take, seen: &mut BTreeSet<u32>) -> Read<Vec<Secret>> {
    let layout = file.meta.layout;
    let overhead = if layout.checksums { 32 } else { 26 };
    let mut buffer = file.buffer();
    let mut leaf = None;
    let mut number = root;
    for _ in 0..MAX_DEPTH {
        file.page(number, &mut buffer)?;
        let header = page::header(&buffer, layout, number)?;
        let child_at = match header.kind {
            TYPE_LEAF_SORTED | TYPE_LEAF_NUMBERED => {
                leaf = Some(number);
                break;
            }
            TYPE_INNER_SORTED => 4,
            TYPE_INNER_NUMBERED => 0,
            kind => return damaged(number, format!("it is of type {kind} where a page of duplicates should be")),
        };
        seen.insert(number);
        let child = layout.u16(&buffer, overhead).and_then(|item| layout.u32(&buffer, usize::from(item) + child_at));
        match child {
            Some(child) if header.entries != 0 => number = child,
            _ => return damaged(number, "its first item is malformed"),
        }
    }
    let Some(mut number) = leaf else { return damaged(root, "a tree of duplicates has no end") };
    let mut values = Vec::new();
    let mut previous = 0;
    while number != 0 && values.len() < take.count() {
        if !seen.insert(number) {
            return damaged(number, "two items lie on it");
        }
        file.page(number, &mut buffer)?;
        let header = page::header(&buffer, layout, number)?;
        if header.kind != TYPE_LEAF_SORTED && header.kind != TYPE_LEAF_NUMBERED {
            return damaged(number, format!("it is of type {} where duplicates should be", header.kind));
        }
        check_link(number, previous, header.previous)?;
        for index in 0..usize::from(header.entries) {
            if values.len() == take.count() {
                break;
            }
            let item = layout.u16(&buffer, overhead + 2 * index).and_then(|at| {
                let rest = buffer.get(usize::from(at)..)?;
                Some((rest, usize::from(layout.u16(rest, 0)?), *rest.get(2)?))
            });
            match item {
                Some((_, _, kind)) if kind & ITEM_DELETED != 0 => {}
                Some((rest, length, ITEM_INLINE)) if rest.len() >= length + 3 => {
                    take.check(length)?;
                    values.extend(rest.get(3..length + 3).map(Secret::from));
                }
                Some((rest, _, ITEM_OVERFLOW)) => match (layout.u32(rest, 4), layout.u32(rest, 8)) {
                    (Some(first), Some(length)) => {
                        take.check(length as usize)?;
                        values.push(Secret::new(std::mem::take(&mut *file.big(first, length, seen)?)));
                    }
                    _ => return damaged(number, format!("item {index} is malformed")),
                },
                _ => return damaged(number, format!("item {index} is malformed")),
            }
        }
        (previous, number) = (number, header.next);
    }
    Ok(values)
}
