/** The bundle's entry: TensorBoard calls render(); a saved page starts by itself. */

import { findHost } from "./host";
import { mount, Shell } from "./shell";
import { EmbeddedSource, HttpSource, type Source } from "./source";
import { addStyles } from "./style/styles";

function open(source: Source): void {
  addStyles();
  const shell = new Shell(source, findHost());
  mount(shell);
  void shell.start();
}

/** Called by TensorBoard once this module is loaded into the plugin's frame. */
export function render(): void {
  // This module is <plugin>/static/index.js, and the routes are beside static.
  open(new HttpSource(new URL("../", import.meta.url)));
}

const saved = EmbeddedSource.fromDocument();
if (saved) open(saved);
