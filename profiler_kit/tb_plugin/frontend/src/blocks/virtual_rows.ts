/** Where the rows of a long table lie, so that only those in view need elements. */

export const ROW_HEIGHT = 28;

/** Tops of rows, given the heights of the panels opened below some of them. Length: rows + 1. */
export function rowTops(rows: number, panelHeight: (row: number) => number): Float64Array {
  const tops = new Float64Array(rows + 1);
  for (let row = 0; row < rows; row += 1) tops[row + 1] = tops[row]! + ROW_HEIGHT + panelHeight(row);
  return tops;
}

/** Last row whose top is at or above a height. */
export function rowAt(tops: Float64Array, height: number): number {
  let low = 0;
  let high = Math.max(tops.length - 2, 0);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (tops[middle]! <= height) low = middle;
    else high = middle - 1;
  }
  return low;
}
