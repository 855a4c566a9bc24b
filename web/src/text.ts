/** Offsets from the server count code points; JavaScript's strings count UTF-16 units. */
export function slicePoints(text: string, start: number, end: number): string {
  return Array.from(text).slice(start, end).join("");
}
