//! A line plot as SVG text: points over names, each line on a scale of its own from 0, with its values written beside it.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 2] = ["#1f5fa8", "#b4541a"];

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows, with its unit.
    pub name: &'static str,
    /// One value for each name on the axis.
    pub values: Vec<f64>,
}

/// Draws lines over the names of an axis.
pub fn svg(title: &str, axis: &[String], lines: &[Line]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{title}</text>\n"
    );
    let base = HEIGHT - BOTTOM;
    let _ = writeln!(out, "<path d=\"M{LEFT} {base}H{}\" stroke=\"#888888\"/>", WIDTH - LEFT);
    for (at, name) in axis.iter().enumerate() {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            x(at, axis.len()),
            base + 18.0
        );
    }
    for (number, (line, colour)) in lines.iter().zip(COLOURS).enumerate() {
        let top = line.values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        let y = |value: f64| base - value / top * (base - TOP - 14.0);
        let points: Vec<String> = line
            .values
            .iter()
            .enumerate()
            .map(|(at, value)| format!("{:.1},{:.1}", x(at, axis.len()), y(*value)))
            .collect();
        let legend = LEFT + 200.0 * if number == 0 { 0.0 } else { 1.0 };
        let _ = writeln!(out, "<text x=\"{legend}\" y=\"40\" fill=\"{colour}\">{}</text>", line.name);
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for (at, value) in line.values.iter().enumerate() {
            let (x, y) = (x(at, axis.len()), y(*value));
            let above = if number == 0 { y - 7.0 } else { y + 16.0 };
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{above:.1}\" text-anchor=\"middle\" fill=\"{colour}\">{}</text>",
                shown(*value)
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// A figure with as many digits as say something.
pub fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[expect(clippy::cast_precision_loss, reason = "a plot has few points")]
fn x(at: usize, count: usize) -> f64 {
    let room = WIDTH - 2.0 * LEFT - 40.0;
    LEFT + 20.0 + if count > 1 { room * at as f64 / (count - 1) as f64 } else { room / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_every_name_and_every_value() {
        let axis = ["1k".to_owned(), "10k".to_owned()];
        let text = svg("growth", &axis, &[Line { name: "µs", values: vec![1.5, 300.0] }]);
        for wanted in ["growth", ">1k<", ">10k<", ">1.50<", ">300<"] {
            assert!(text.contains(wanted), "{wanted} is not in {text}");
        }
    }
}
