//! The shell lines of the appliance's README, run as they stand there: the page cannot stop being true unnoticed.

use std::path::Path;

const SECTION: &str = "## An installation by curl alone\n";

/// What the README shows under one heading, block by block.
pub(crate) struct Readme {
    blocks: Vec<String>,
    taken: usize,
}

impl Readme {
    pub(crate) fn read() -> Readme {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../appliance/README.md");
        let text = std::fs::read_to_string(path).unwrap();
        let (_, section) = text.split_once(SECTION).expect("the README has the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let blocks = section.split("```sh\n").skip(1);
        let blocks = blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect();
        Readme { blocks, taken: 0 }
    }

    /// The next block, with what stands for the reader's own values replaced by ours. All of it must be there.
    pub(crate) fn block(&mut self, values: &[(&str, &str)]) -> String {
        let block = self.blocks.get(self.taken).expect("the README has one more block").clone();
        self.taken += 1;
        values.iter().fold(block, |block, (theirs, ours)| {
            assert!(block.contains(theirs), "the README says nothing of {theirs:?} here:\n{block}");
            block.replace(theirs, ours)
        })
    }

    /// As [`Readme::block`], line by line.
    pub(crate) fn lines(&mut self, values: &[(&str, &str)]) -> Vec<String> {
        self.block(values).lines().map(str::to_owned).collect()
    }

    pub(crate) fn is_at_its_end(&self) -> bool {
        self.taken == self.blocks.len()
    }
}
