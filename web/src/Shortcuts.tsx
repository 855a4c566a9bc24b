import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Modal } from "./ui/Modal";
import styles from "./Shortcuts.module.css";

export type Command = "new" | "search" | "write" | "sidebar" | "help";

const APPLE = /Mac|iP(hone|ad)/.test(navigator.platform);
const MODIFIER = APPLE ? "⌘" : "Ctrl";

/** In the order of the dialog. Letters alone would take what a screen reader uses, so all but ? and / are chords. */
const KEYS: [Command | "send" | "line" | "stop", string[]][] = [
  ["send", ["Enter"]],
  ["line", ["Shift", "Enter"]],
  ["write", ["/"]],
  ["new", [MODIFIER, "Shift", "O"]],
  ["search", [MODIFIER, "K"]],
  ["sidebar", [MODIFIER, "B"]],
  ["stop", ["Esc"]],
  ["help", ["?"]],
];

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

function commandOf(event: KeyboardEvent): Command | null {
  if (event.isComposing || event.altKey) return null;
  const key = event.key.toLowerCase();
  if (event.metaKey || event.ctrlKey) {
    if (event.shiftKey) return key === "o" ? "new" : null;
    return key === "k" ? "search" : key === "b" ? "sidebar" : null;
  }
  if (typing(event.target)) return null;
  return key === "?" ? "help" : key === "/" ? "write" : null;
}

export function useShortcuts(run: (command: Command) => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const command = commandOf(event);
      if (!command) return;
      event.preventDefault();
      run(command);
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, [run]);
}

export function ShortcutsDialog({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <Modal open={open} onOpenChange={onOpenChange} title={t("shortcuts.title")}>
      <dl className={styles.list}>
        {KEYS.map(([name, keys]) => (
          <div key={name}>
            <dt>{t(`shortcuts.${name}`)}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
