//! Changes of inputs that look random and are the same each time.

/// Makes inputs of seeds and of the words of a dictionary.
pub struct Mutator<'a> {
    state: u64,
    seeds: &'a [Vec<u8>],
    words: Vec<Vec<u8>>,
    longest: usize,
}

/// Bytes that parsers trip over.
const SPECIAL: [u8; 12] = [0, 1, 0x7f, 0x80, 0xfe, 0xff, b',', b'=', b'"', b'\\', b'\n', b' '];

impl<'a> Mutator<'a> {
    /// The inputs of one target, which differ from those of others.
    pub fn new(target: &str, seeds: &'a [Vec<u8>], words: Vec<Vec<u8>>, longest: usize) -> Self {
        let state =
            target.bytes().fold(0x9e37_79b9_7f4a_7c15, |state: u64, byte| state.rotate_left(9) ^ u64::from(byte));
        Mutator { state, seeds, words, longest }
    }

    /// The next of Marsaglia's xorshift numbers, below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 16) as usize % limit.max(1)
    }

    /// The next input: a seed with one to four changes.
    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.seeds[self.below(self.seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(self.longest);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = (self.below(input.len() + 1), self.below(input.len() + 1));
        let range = from.min(to)..from.max(to);
        match self.below(9) {
            0 => input.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << (to % 8)),
            1 => {
                let byte = SPECIAL[self.below(SPECIAL.len())];
                input.iter_mut().skip(from).take(1).for_each(|old| *old = byte);
            }
            2 => input.insert(from, SPECIAL[self.below(SPECIAL.len())]),
            3 => input.insert(from, self.below(256) as u8),
            4 => drop(input.drain(range)),
            5 => {
                let piece = input[range].to_vec();
                input.splice(from..from, piece);
            }
            6 if !self.words.is_empty() => {
                let which = self.below(self.words.len());
                let word = self.words[which].clone();
                let end = if to % 2 == 0 { from } else { (from + word.len()).min(input.len()) };
                input.splice(from..end, word);
            }
            7 => {
                let other = &self.seeds[self.below(self.seeds.len())];
                let at = self.below(other.len() + 1);
                input.splice(from.., other[at..].iter().copied());
            }
            _ => input.truncate(from),
        }
    }
}
