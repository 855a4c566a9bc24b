/** The words of the page. A language is one file in this folder. */

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { keepLanguage, language } from "../account/preferences";

type Words = Record<string, unknown>;

const files = import.meta.glob<Words>("./*.json", { import: "default" });
const codeOf = (path: string) => path.slice(2, -".json".length);

/** By code: the language's own name, for the menu. */
export const LANGUAGES: Record<string, string> = Object.fromEntries(
  Object.keys(files).map((path) => {
    const code = codeOf(path);
    const name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
    return [code, name.charAt(0).toLocaleUpperCase(code) + name.slice(1)];
  }),
);

function spoken(): string {
  const wanted = [language() ?? [], ...navigator.languages].flat();
  const found = wanted.map((one) => one.split("-")[0]!.toLowerCase()).find((one) => one in LANGUAGES);
  return found ?? "en";
}

async function load(code: string): Promise<void> {
  if (i18next.hasResourceBundle(code, "translation")) return;
  const words = await files[`./${code}.json`]!();
  i18next.addResourceBundle(code, "translation", words);
}

async function speak(code: string): Promise<void> {
  await load(code);
  await i18next.changeLanguage(code);
  document.documentElement.lang = code;
  document.documentElement.dir = i18next.dir(code);
}

/** `system` forgets what was chosen. */
export function chooseLanguage(code: string): void {
  keepLanguage(code === "system" ? null : code);
  void speak(spoken());
}

async function begin(): Promise<void> {
  await i18next.use(initReactI18next).init({
    fallbackLng: false,
    resources: {},
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await speak(spoken());
}

export const begun = begin();
