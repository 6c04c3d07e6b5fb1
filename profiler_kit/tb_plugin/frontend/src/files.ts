/** Which trace of a run is shown first, and how its files are told apart. */

import type { RunFile } from "./contract";
import { withUnit } from "./quantities";
import { cut, visible } from "./text";

const STATES: Record<RunFile["state"], string> = { unread: "", reading: " (being read)", ready: "", failed: " (cannot be read)" };

/** The newest file that can be read, as the command line takes it; of several ranks', that of the first rank. */
export function defaultFile(files: RunFile[]): string {
  const whole = files.filter((file) => file.state !== "failed");
  const newest = latest(whole.length ? whole : files);
  if (newest === undefined || newest.rank === null) return newest?.file ?? "";
  const ranked = whole.filter((file) => file.rank !== null);
  const first = Math.min(...ranked.map((file) => file.rank ?? 0));
  return (latest(ranked.filter((file) => file.rank === first)) ?? newest).file;
}

/** Of files as old as each other the last by name, in which there may be a time, too. */
function latest(files: RunFile[]): RunFile | undefined {
  return files.reduce<RunFile | undefined>((best, file) => (best && (best.modified ?? 0) > (file.modified ?? 0) ? best : file), undefined);
}

/** Name, time and size of a file; the time is that of the reader's clock. */
export function fileLabel(file: RunFile): string {
  const rank = file.rank === null ? "" : `rank ${file.rank} \u00b7 `;
  const written = file.modified ? ` \u00b7 ${timeText(file.modified)}` : "";
  const bytes = file.bytes ? ` \u00b7 ${withUnit("bytes", file.bytes)}` : "";
  return visible(cut(`${rank}${file.worker || file.file}`, 80)) + written + bytes + STATES[file.state];
}

/** Write seconds since 1970 as "2026-11-25 17:34:05". */
export function timeText(seconds: number): string {
  const at = new Date(seconds * 1000);
  const two = (number: number) => String(number).padStart(2, "0");
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`;
}
