//! How fast a CSV file is planned and sent: `cargo run --release -p ingest --example csv_rate [ROWS]`. Writes a file
//! of an Ads Manager export's shape into the temporary folder, reads it, and prints rows per second of both passes
//! together, alone and with every event encoded as it would be for the log.

use std::io::Write as _;
use std::time::Instant;

use ingest::csv::{CsvItem, CsvOptions, plan};
use schemas::{Day, Schemas, Topic};

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: i32 = std::env::args().nth(1).map_or(Ok(1_000_000), |rows| rows.parse())?;
    let path = std::env::temp_dir().join("adpulse-csv-rate.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    writeln!(
        file,
        "Campaign ID,\"Campaign name\",Day,\"Amount spent (USD)\",\"Result type\",Results,Impressions,\"Link clicks\",Reporting starts,Reporting ends"
    )?;
    for row in 0..rows {
        let (campaign, day) = (row % 5_000, Day(20_000 + row / 5_000 % 365));
        let cents = row % 90_000;
        writeln!(
            file,
            "1202100000{campaign:06},\"Leads | Broad, {campaign}\",{day},{}.{:02},Website leads,{},{},{},{day},{day}",
            cents / 100,
            cents % 100,
            row % 20,
            row % 50_000,
            row % 700
        )?;
    }
    file.flush()?;
    let mut encoder = Schemas::compiled().encoder(Topic::RawCsv);
    let (mut buffer, mut encoded) = (Vec::new(), 0_u64);
    let start = Instant::now();
    let plan = plan(&path, &CsvOptions::default())?;
    let planned = start.elapsed();
    plan.send(|_| Ok::<(), schemas::CodecError>(()), |_| ())?;
    let read = start.elapsed();
    let summary = plan.send(
        |item| {
            if let CsvItem::Event { event, .. } = item {
                buffer.clear();
                encoder.encode(event, &mut buffer)?;
                encoded += buffer.len() as u64;
            }
            Ok::<(), schemas::CodecError>(())
        },
        |_| (),
    )?;
    let total = planned + (start.elapsed() - read);
    println!(
        "{} rows accepted of {}, {} bytes: planned in {planned:.2?}; both passes in {read:.2?}, {:.0} rows/s; with {encoded} bytes encoded in {total:.2?}, {:.0} rows/s",
        summary.accepted,
        summary.rows,
        plan.report().file_bytes,
        f64::from(rows) / read.as_secs_f64(),
        f64::from(rows) / total.as_secs_f64()
    );
    std::fs::remove_file(&path)?;
    Ok(())
}
