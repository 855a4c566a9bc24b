import { slicePoints } from "../text";

/** A piece of a document's text that begins at `from`, in code points. */
export interface Piece {
  text: string;
  from: number;
}

/** The piece around the quote. The quote is empty unless the text at exactly its place is it, or begins with it. */
export function parts(
  piece: Piece,
  at: { quote: string; start: number; end: number },
): { before: string; quoted: string; after: string } {
  const [start, end] = [at.start - piece.from, at.end - piece.from];
  const found = start < 0 || end <= start ? "" : slicePoints(piece.text, start, end);
  if (!at.quote || !found.startsWith(at.quote)) return { before: piece.text, quoted: "", after: "" };
  return { before: slicePoints(piece.text, 0, start), quoted: found, after: slicePoints(piece.text, end, Infinity) };
}

/** The piece with what a window around its beginning holds before it. */
export function withEarlier(piece: Piece, window: Piece): Piece {
  if (window.from >= piece.from) return piece;
  return { text: slicePoints(window.text, 0, piece.from - window.from) + piece.text, from: window.from };
}

/** The piece with what a window around its end holds after it. */
export function withLater(piece: Piece, window: Piece): Piece {
  const end = piece.from + Array.from(piece.text).length;
  if (window.from > end) return piece;
  return { ...piece, text: piece.text + slicePoints(window.text, end - window.from, Infinity) };
}
