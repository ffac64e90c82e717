//! xsltproc: a tree of small C structures, built whole, walked, indexed and sorted, and freed node by node.

use std::fmt::Write;

use anyhow::Result;

use super::text::Writer;
use super::{Program, Rounds};
use crate::place::Place;

const BOOKS: usize = 40_000;
const AUTHORS: usize = 400;

const SHEET: &str = r#"<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:key name="by" match="book" use="author"/>
<xsl:template match="/"><html>
  <xsl:for-each select="books/book[generate-id() = generate-id(key('by', author)[1])]">
    <xsl:sort select="author"/>
    <h1><xsl:value-of select="author"/></h1>
    <xsl:for-each select="key('by', author)">
      <xsl:sort select="title"/>
      <p><xsl:value-of select="concat(title, ', ', year)"/></p>
    </xsl:for-each>
  </xsl:for-each>
</html></xsl:template></xsl:stylesheet>
"#;

pub(super) const XSLT: Program = Program {
    name: "xsltproc",
    work: "sorts 40,000 books of an XML file by author and title",
    packages: &[&["xsltproc"]],
    rounds: Rounds::All,
    prepare,
    run: |run| run.once(["xsltproc".into(), run.place.input("books.xsl"), run.place.input("books.xml")]),
};

fn prepare(place: &Place) -> Result<()> {
    let mut writer = Writer::new(7);
    let mut text = String::from("<books>\n");
    for number in 0..BOOKS {
        let (author, year) = (writer.below(AUTHORS), 1900 + writer.below(120));
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "<book id=\"{number}\"><title>{}</title><author>A{author}</author><year>{year}</year></book>",
            writer.line()
        );
    }
    text.push_str("</books>\n");
    place.put("books.xsl", SHEET)?;
    place.put("books.xml", text)
}
