import type { KeyboardEvent } from "react";

const COMPOSING = 229; // what some browsers send for a key that an input method takes

/** Whether a key sends the text: Enter alone, and never while an input method composes a word. */
export function entersText(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return false;
  return !event.nativeEvent.isComposing && event.keyCode !== COMPOSING;
}
