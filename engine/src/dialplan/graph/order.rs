//! Where things stand in their columns: near to what they are connected with, band by band, and
//! never on one another.

/// The room between two things of a column.
const SPACE: i32 = 26;
/// The room between two lanes: arrows that pass a column.
const LANE_SPACE: i32 = 10;
/// How often all columns are gone through.
const SWEEPS: usize = 16;
/// How many of those may change the order.
const ORDERING: usize = 11;

/// Something that stands in a column: a card, or the lane of an arrow that passes it.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its column.
    pub layer: usize,
    /// Its file.
    pub band: usize,
    /// Its height.
    pub height: i32,
    /// Its top; within its band until [`place`] is done.
    pub y: i32,
    /// Whether it is a lane.
    pub lane: bool,
}

/// A line between things of neighbouring columns: which, and at what height of them.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// In the left column.
    pub left: (usize, i32),
    /// In the right one.
    pub right: (usize, i32),
}

/// A band: the things of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Its top.
    pub y: i32,
    /// Its height.
    pub height: i32,
}

/// Gives each item its place; returns the bands, of which those without items have no height.
pub fn place(
    items: &mut [Item],
    links: &[Link],
    bands: usize,
    top: i32,
    between: i32,
) -> Vec<Band> {
    let layers = items.iter().map(|item| item.layer + 1).max().unwrap_or(0);
    let mut columns = vec![vec![Vec::new(); bands]; layers];
    for (item, number) in items.iter().zip(0..) {
        columns[item.layer][item.band].push(number);
    }
    let mut beside = vec![(Vec::new(), Vec::new()); items.len()];
    for link in links {
        beside[link.right.0].0.push((link.right.1, link.left));
        beside[link.left.0].1.push((link.left.1, link.right));
    }
    for column in columns.iter().flatten() {
        let mut y = 0;
        for number in column {
            items[*number].y = y;
            y += items[*number].height + SPACE;
        }
    }
    for sweep in 0..SWEEPS {
        let rightwards = sweep % 2 == 0;
        for step in 0..layers {
            let layer = if rightwards { step } else { layers - 1 - step };
            for column in &mut columns[layer] {
                let wanted: Vec<(i32, usize)> = column
                    .iter()
                    .map(|number| {
                        let (left, right) = &beside[*number];
                        // Once the order stands, both sides count.
                        let both = sweep >= ORDERING;
                        let left = if rightwards || both { left.as_slice() } else { &[] };
                        let right = if !rightwards || both { right.as_slice() } else { &[] };
                        (wanted(items, *number, left.iter().chain(right)), *number)
                    })
                    .collect();
                settle(items, column, wanted, sweep < ORDERING);
            }
        }
    }
    let mut found = Vec::with_capacity(bands);
    let mut y = top;
    for band in 0..bands {
        let of_band = || items.iter().filter(|item| item.band == band);
        let Some(first) = of_band().map(|item| item.y).min() else {
            found.push(Band { y, height: 0 });
            continue;
        };
        let height = of_band().map(|item| item.y + item.height).max().unwrap_or(first) - first;
        for item in items.iter_mut().filter(|item| item.band == band) {
            item.y += y - first;
        }
        found.push(Band { y, height });
        y += height + between;
    }
    found
}

/// The top at which its lines would be straight; where it is, if it has none in its band.
fn wanted<'a>(
    items: &[Item],
    number: usize,
    beside: impl Iterator<Item = &'a (i32, (usize, i32))>,
) -> i32 {
    let item = &items[number];
    let (mut sum, mut count) = (0i64, 0i64);
    for (port, (other, other_port)) in beside {
        let other = &items[*other];
        if other.band == item.band {
            sum += i64::from(other.y + other_port - port);
            count += 1;
        }
    }
    if count == 0 { item.y } else { i32::try_from(sum / count).unwrap_or(item.y) }
}

/// Puts the things of one column and band as near as can be to where they want to be.
fn settle(items: &mut [Item], column: &mut Vec<usize>, mut wanted: Vec<(i32, usize)>, sort: bool) {
    if sort {
        wanted.sort_by_key(|(y, number)| y + items[*number].height / 2);
        column.clear();
        column.extend(wanted.iter().map(|(_, number)| *number));
    }
    // Where each would stand if those above it had no height; those that stand in each other's
    // way become a block that stands at their mean.
    let mut blocks: Vec<(i64, i64)> = Vec::new();
    let mut offset = 0;
    let mut offsets = Vec::with_capacity(column.len());
    let mut above: Option<usize> = None;
    for (y, number) in &wanted {
        if let Some(above) = above {
            offset += items[above].height + space(&items[above], &items[*number]);
        }
        above = Some(*number);
        offsets.push(offset);
        blocks.push((i64::from(y - offset), 1));
        while let [.., (sum, count), (next, more)] = blocks.as_slice() {
            if sum * more <= next * count {
                break;
            }
            let joined = (sum + next, count + more);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let mut places = wanted.iter().zip(offsets);
    for (sum, count) in blocks {
        let base = i32::try_from(sum.div_euclid(count)).unwrap_or(0);
        for _ in 0..count {
            if let Some(((_, number), offset)) = places.next() {
                items[*number].y = base + offset;
            }
        }
    }
}

const fn space(above: &Item, below: &Item) -> i32 {
    if above.lane && below.lane { LANE_SPACE } else { SPACE }
}
