/** What this browser remembers: the theme, the language, whether the list is open. */

export type Theme = "system" | "light" | "dark";

const THEME = "citewell.theme";
const LANGUAGE = "citewell.language";
const SIDEBAR = "citewell.sidebar";

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage may be forbidden
  }
}

function write(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // it then lasts as long as the page
  }
}

export function theme(): Theme {
  const kept = read(THEME);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(chosen: Theme): void {
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

export function chooseTheme(chosen: Theme): void {
  write(THEME, chosen === "system" ? null : chosen);
  applyTheme(chosen);
}

export function language(): string | null {
  return read(LANGUAGE);
}

export function keepLanguage(chosen: string | null): void {
  write(LANGUAGE, chosen);
}

export function sidebarOpen(): boolean {
  return read(SIDEBAR) !== "closed";
}

export function keepSidebar(open: boolean): void {
  write(SIDEBAR, open ? null : "closed");
}
