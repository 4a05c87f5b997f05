//! What a session has recorded, and writing it as pcapng.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pcap_file::DataLink;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::{PcapNgWriteError, PcapNgWriter};

use crate::decode::Link;
use crate::error::Error;
use crate::journey::{Hop, Journey};
use crate::session::Snapshot;

/// What a session has seen.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The last snapshot. At the end of a session every journey in it is complete.
    pub snapshot: Arc<Snapshot>,
    written: Vec<Written>,
    snaplen: u32,
}

/// What a file says about a tap beside its status.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) filter: String,
    pub(crate) link: Link,
}

impl Recording {
    pub(crate) fn new(snapshot: Arc<Snapshot>, written: Vec<Written>, snaplen: u32) -> Self {
        Recording { snapshot, written, snaplen }
    }

    /// The journeys, oldest first.
    pub fn journeys(&self) -> &[Arc<Journey>] {
        &self.snapshot.journeys
    }

    /// Writes every hop as a packet: one interface a tap, and comments that tell which journey it belongs to, what changed on
    /// the way to this tap, and which rules did it. The file is in the format of
    /// <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>, which Wireshark opens.
    pub fn write_pcapng(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::Write { path: path.to_owned(), source };
        let file = File::create(path).map_err(|error| failed(error.into()))?;
        self.write(BufWriter::new(file)).map_err(failed)
    }

    fn write(&self, file: impl Write) -> Result<(), PcapNgWriteError> {
        let mut writer = PcapNgWriter::new(file)?;
        for index in 0..self.snapshot.taps.len() {
            writer.write_pcapng_block(self.interface(index))?;
        }
        for (time, number, journey, hop) in self.packets() {
            let comments = comments(number, journey, hop);
            let comment = |text| EnhancedPacketOption::Common(CommonOption::Comment(Cow::Owned(text)));
            writer.write_pcapng_block(EnhancedPacketBlock {
                interface_id: hop.tap as u32,
                timestamp: Duration::from_nanos(time),
                original_len: hop.frame.original_length,
                data: Cow::Borrowed(&hop.frame.bytes),
                options: comments.into_iter().map(comment).collect(),
            })?;
        }
        for (index, tap) in self.snapshot.taps.iter().enumerate() {
            writer.write_pcapng_block(InterfaceStatisticsBlock {
                interface_id: index as u32,
                timestamp: self.end(),
                options: vec![
                    InterfaceStatisticsOption::IsbIfRecv(tap.received),
                    InterfaceStatisticsOption::IsbIfDrop(tap.dropped),
                ],
            })?;
        }
        writer.into_inner().flush()?;
        Ok(())
    }

    /// A tap as an interface: `web/eth0`, since one name may be in several namespaces.
    fn interface(&self, index: usize) -> InterfaceDescriptionBlock<'_> {
        const NANOSECONDS: u8 = 9;
        let tap = &self.snapshot.taps[index].tap;
        let Written { filter, link } = &self.written[index];
        let link = match link {
            Link::Ethernet => DataLink::ETHERNET,
            Link::Ip => DataLink::RAW,
        };
        let mut block = InterfaceDescriptionBlock::new(link, self.snaplen);
        block.options = vec![
            InterfaceDescriptionOption::IfName(format!("{}/{}", tap.label, tap.interface).into()),
            InterfaceDescriptionOption::IfDescription(format!("{:?} tap on {}", tap.kind, tap.interface).into()),
            InterfaceDescriptionOption::IfTsResol(
                InterfaceTsResolution::new(false, NANOSECONDS).expect("ten to the minus ninth is a valid resolution"),
            ),
        ];
        if !filter.is_empty() {
            // The first byte says that a text follows.
            let filter = [&[0], filter.as_bytes()].concat();
            block.options.push(InterfaceDescriptionOption::IfFilter(filter.into()));
        }
        block
    }

    /// Every hop in order of time, with its time, the number of its journey, and the journey.
    fn packets(&self) -> Vec<(u64, usize, &Journey, &Hop)> {
        let journeys = self.snapshot.journeys.iter().enumerate();
        let mut packets: Vec<_> = journeys
            .flat_map(|(index, journey)| {
                let hops = journey.hops.iter();
                hops.map(move |hop| (journey.time + hop.offset, index + 1, &**journey, hop))
            })
            .collect();
        packets.sort_by_key(|(time, number, ..)| (*time, *number));
        packets
    }

    fn end(&self) -> Duration {
        Duration::from_nanos(self.packets().last().map_or(0, |(time, ..)| *time))
    }
}

fn comments(number: usize, journey: &Journey, hop: &Hop) -> Vec<String> {
    let position = journey.hops.iter().position(|other| std::ptr::eq(other, hop)).unwrap_or(0);
    let changes: Vec<String> = hop.changes.iter().map(ToString::to_string).collect();
    let mut place = format!(
        "packet {number}, hop {} of {}, +{:.1} µs",
        position + 1,
        journey.hops.len(),
        hop.offset as f64 / 1000.0
    );
    if !changes.is_empty() {
        place += ": ";
        place += &changes.join(", ");
    }
    let mut comments = vec![place];
    for rewrite in &journey.rewrites {
        if hop.changes.iter().any(|change| change.nat() == Some(rewrite.nat)) {
            comments.push(format!("rewritten {}", rewrite.author));
        }
    }
    // The rules ran once, on the way through the host: they are told at the last hop.
    if position + 1 == journey.hops.len() {
        comments.extend(journey.steps.iter().map(|step| format!("rule {}: {}", step.rule, step.verdict)));
    }
    comments
}
