/** The styles, as one element of the head: under the content rules of TensorBoard and of a saved page alike. */

import { h } from "../dom";
import blocks from "./blocks.css";
import page from "./page.css";
import table from "./table.css";
import timeline from "./timeline.css";

export function addStyles(): void {
  document.documentElement.lang ||= "en";
  document.head.appendChild(h("style", {}, page + blocks + table + timeline));
  if (!document.querySelector("meta[name=viewport]")) {
    document.head.appendChild(h("meta", { attrs: { name: "viewport", content: "width=device-width, initial-scale=1" } }));
  }
}
