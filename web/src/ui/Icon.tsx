/** Line icons on a 24 grid; always beside a text or a label, so hidden from screen readers. */

const PATHS = {
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  menu: "M4 7h16M4 12h16M4 17h10",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.500l4.5 4.500L19 7.5",
  quote: "M9.5 7C7 8 5.5 10 5.5 13v4H10v-4.500H7.500M18.5 7C16 8 14.5 10 14.5 13v4H19v-4.500h-2.5",
  doubt: "M12 4 2.8 19.500h18.400L12 4ZM12 10v4.500M12 17v.1",
  unknown: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM9.5 9.500a2.5 2.5 0 1 1 3.6 2.200c-.8.4-1.1.9-1.1 1.800M12 16.500v.1",
  empty: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8.5 12h7",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M8 8h8v8H8z",
  again: "M19 8a8 8 0 1 0 1 6M19 4v4.500h-4.5",
  edit: "M4 20l1-4L16 5l3 3L8 19l-4 1ZM14 7l3 3",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  up: "M7 11v9H4v-9h3Zm0 0 4-8c1.5 0 2.5 1 2.5 2.500L13 9h5.500a2 2 0 0 1 2 2.300l-1.2 7a2 2 0 0 1-2 1.700H7",
  down: "M17 13V4h3v9h-3Zm0 0-4 8c-1.5 0-2.5-1-2.5-2.500L11 15H5.500a2 2 0 0 1-2-2.300l1.2-7a2 2 0 0 1 2-1.700H17",
  left: "M14.5 6l-6 6 6 6",
  right: "M9.5 6l6 6-6 6",
  more: "M5 12h.1M12 12h.1M19 12h.1",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  download: "M12 4v11M7 10.500l5 5 5-5M5 20h14",
  upload: "M12 20V9M7 13.500l5-5 5 5M5 4h14",
  document: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  layers: "M12 3 3 8l9 5 9-5-9-5ZM3 12.500l9 5 9-5M3 17l9 5 9-5",
  inspect: "M4 19V5M4 19h16M8 15v-3M12 15V8M16 15v-5",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M18.7 5.300l-1.4 1.400M6.7 17.300l-1.4 1.4",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.500c.8-4 3.7-6 7.5-6s6.7 2 7.5 6",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5ZM9 19.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  history: "M4 12a8 8 0 1 0 2.5-5.800M4 4v4.500h4.500M12 8v4.500l3 2",
  compare: "M8 4v16M16 4v16M8 8H3.500M8 12H4.500M16 12h4.500M16 16h3.5",
  key: "M14.5 13.500a4.5 4.5 0 1 0-4-4L4 16v4h4v-2.500h2.500V15l1.5-1.500ZM15.5 8.500h.1",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" ? 3 : 1.8}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
