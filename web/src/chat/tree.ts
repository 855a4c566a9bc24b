import type { Message } from "../api/types";

/** One message of the shown branch, with its siblings in the order of their making. */
export interface Step {
  message: Message;
  siblings: string[];
}

/** The branch that ends with `active`, from its first question. */
export function branch(messages: readonly Message[], active: string | null): Step[] {
  const known = new Map(messages.map((one) => [one.id, one]));
  const children = new Map<string | null, Message[]>();
  for (const one of messages) {
    const beside = children.get(one.parent);
    if (beside) beside.push(one);
    else children.set(one.parent, [one]);
  }
  const found: Step[] = [];
  let tip = active === null ? undefined : known.get(active);
  while (tip && found.length <= messages.length) {
    const siblings = [...(children.get(tip.parent) ?? [])].sort(byAge).map((one) => one.id);
    found.push({ message: tip, siblings });
    tip = tip.parent === null ? undefined : known.get(tip.parent);
  }
  return found.reverse();
}

function byAge(a: Message, b: Message): number {
  return a.created < b.created ? -1 : a.created > b.created ? 1 : 0;
}

/** The end of the newest branch through a message. */
export function newestTip(messages: readonly Message[], through: string): string {
  let tip = through;
  for (;;) {
    const next = messages.filter((one) => one.parent === tip).sort(byAge).at(-1);
    if (!next) return tip;
    tip = next.id;
  }
}
