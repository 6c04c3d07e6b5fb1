/** Choosing the other trace of a comparison. */

import type { At, Run } from "./contract";
import { h } from "./dom";
import { fileLabel } from "./files";
import type { State } from "./state";
import { cut, visible } from "./text";

const SEPARATOR = "\n";

export function compareView(runs: Run[], state: State, live: boolean, go: (change: Partial<State>) => void): { picker: HTMLElement; other: At | null } {
  const others = runs.flatMap(({ run, files }) => files.map((file) => ({ run, file }))).filter(({ run, file }) => run !== state.run || file.file !== state.file);
  const known = others.find(({ run, file }) => run === state.other_run && file.file === state.other_file);
  const other = known ? { run: known.run, file: known.file.file } : null;
  if (live && !others.length) {
    return { picker: h("div", "pk-message", h("p", {}, "There is only one trace here. Record another run into the same log directory, for example with channels_last or another dtype, and it can be compared with this one.")), other };
  }
  const select = h("select", { attrs: { "aria-label": "Compare with", "data-testid": "other-picker" } });
  if (!other) select.appendChild(h("option", { attrs: { value: "" } }, "Choose a trace\u2026"));
  for (const { run, file } of others) {
    const value = `${run}${SEPARATOR}${file.file}`;
    select.appendChild(h("option", { attrs: { value, selected: known?.file === file } }, `${visible(cut(run || ".", 60))} \u00b7 ${fileLabel(file)}`));
  }
  select.addEventListener("change", () => {
    const [run, file] = select.value.split(SEPARATOR);
    go({ other_run: run ?? "", other_file: file ?? "" });
  });
  return { picker: h("div", "pk-compare-picker", h("label", {}, h("span", {}, "Compare with"), select)), other };
}
