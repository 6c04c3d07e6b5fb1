/** What a block may use of the page around it. */

import type { At, View } from "./contract";
import type { Source } from "./source";
import type { State } from "./state";

export interface Context {
  source: Source;
  at: At;
  state: State;
  view: View;
  dark(): boolean;
  /** Change parts of the state without leaving the view. */
  set(change: Partial<State>): void;
  /** Go to another view; `q` filters its first table. */
  go(change: Partial<State>): void;
  /** Run when the view is left. */
  onLeave(action: () => void): void;
  /** Run when light and dark change. */
  onTheme(action: () => void): void;
  announce(text: string): void;
}
