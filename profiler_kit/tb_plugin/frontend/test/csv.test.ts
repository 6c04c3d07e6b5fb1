import assert from "node:assert/strict";
import { test } from "node:test";
import type { Column } from "../src/contract";
import { csvCell, csvText, tabText } from "../src/csv";

test("cells are quoted where RFC 4180 asks for it", () => {
  assert.equal(csvCell("plain"), "plain");
  assert.equal(csvCell("a,b"), '"a,b"');
  assert.equal(csvCell('say "hi"'), '"say ""hi"""');
  assert.equal(csvCell("two\r\nlines"), '"two\r\nlines"');
  assert.equal(csvCell(null), "");
  assert.equal(csvCell(true), "yes");
});

test("texts that a spreadsheet would run are disarmed, numbers stay numbers", () => {
  for (const text of ["=1+1", "+1", "-cmd", "@SUM(A1)", " =1", "\t=1", "\r=1", "\uff1d1"]) {
    assert.match(csvCell(text), /^"?'/, JSON.stringify(text));
  }
  assert.equal(csvCell(-3), "-3");
  assert.equal(csvCell('=HYPERLINK("http://x","y")'), `"'=HYPERLINK(""http://x"",""y"")"`);
});

test("a table says its raw units", () => {
  const columns: Column[] = [{ key: "name", title: "Name", kind: "text" }, { key: "self", title: "Self", kind: "duration" }, { key: "share", title: "Share", kind: "share" }];
  assert.equal(csvText(columns, [["conv1", 129600, 0.5], ["fc", null, 0]]), "Name,Self (ns),Share\r\nconv1,129600,0.5\r\nfc,,0\r\n");
});

test("pasted cells hold neither tabs nor line breaks of their own", () => {
  const columns: Column[] = [{ key: "a", title: "a", kind: "text" }, { key: "b", title: "b", kind: "count" }];
  assert.equal(tabText(columns, [["x\ty\nz", 1]]), "a\tb\nx y z\t1");
});
