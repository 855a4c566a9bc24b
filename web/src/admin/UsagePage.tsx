import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { json } from "../api/client";
import type { Page } from "../api/types";
import { count, day as shownDay, duration, percent } from "../format";
import { Table } from "../ui/Table";
import styles from "./Admin.module.css";
import type { Recorded } from "./AuditPage";
import { Listing } from "./Listing";
import { byDay, type Day, median } from "./usage";

const SPANS = [7, 30, 90];
const DAY_MS = 86_400_000;
const PAGE = 500;
const MOST_PAGES = 40;
const HEIGHT = 260;
const DAYS_APART = [1, 2, 7, 14, 30].map((days) => days * 86_400);
const KINDS = ["supported", "quoted", "silent", "doubtful"] as const;
const COLOURS = ["--supported", "--quoted", "--ink-faint", "--doubt"];

/** Every recorded answer of the last days; at most MOST_PAGES pages of them. */
async function recorded(days: number, signal: AbortSignal): Promise<{ items: Recorded[]; cut: boolean }> {
  const since = new Date(Date.now() - days * DAY_MS).toISOString();
  const items: Recorded[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const got: Page<Recorded> = await json("/audit", { query: { since, cursor, limit: PAGE }, signal });
    items.push(...got.items);
    cursor = got.next;
    if (!cursor) return { items, cut: false };
  }
  return { items, cut: true };
}

export default function UsagePage() {
  const { t, i18n } = useTranslation();
  const [days, setDays] = useState(30);
  const query = useQuery({
    queryKey: ["admin", "usage", days],
    queryFn: ({ signal }) => recorded(days, signal),
  });
  return (
    <>
      <div className={styles.bar}>
        <select
          value={days}
          aria-label={t("admin.usage.span")}
          onChange={(event) => setDays(Number(event.target.value))}
        >
          {SPANS.map((span) => (
            <option key={span} value={span}>
              {t("admin.usage.days", { count: span })}
            </option>
          ))}
        </select>
      </div>
      <Listing query={query}>
        {({ items, cut }) => (
          <>
            {cut && <p>{t("admin.usage.cut", { count: items.length })}</p>}
            <Figures items={items} language={i18n.language} />
            <Chart days={byDay(items)} />
            <DayTable days={byDay(items)} />
          </>
        )}
      </Listing>
    </>
  );
}

function Figures({ items, language }: { items: Recorded[]; language: string }) {
  const { t } = useTranslation();
  const share = (...verdicts: string[]) =>
    items.length ? percent(items.filter((one) => verdicts.includes(one.verdict)).length / items.length, language) : "–";
  const typical = median(items.map((one) => one.ms));
  const tokens = items.reduce((sum, one) => sum + (one.usage.completion_tokens ?? 0), 0);
  const figures: [string, string][] = [
    ["answers", count(items.length, language)],
    ["people", count(new Set(items.map((one) => one.user_id)).size, language)],
    ["supported", share("supported")],
    ["quoted", share("quoted")],
    ["silent", share("insufficient_context", "off_topic")],
    ["median", typical === null ? "–" : duration(typical, language)],
    ["tokens", count(tokens, language)],
  ];
  return (
    <dl className={styles.figures}>
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{t(`admin.usage.${name}`)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Answers a day, one line a kind. The table below says the same in words. */
function Chart({ days }: { days: Day[] }) {
  const { t, i18n } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const at = box.current;
    if (!at || days.length < 2) return;
    const style = getComputedStyle(at);
    const colour = (name: string) => style.getPropertyValue(name);
    const axis = { stroke: () => colour("--ink-soft"), grid: { stroke: () => colour("--line"), width: 1 } };
    const short = new Intl.DateTimeFormat(i18n.language, { month: "short", day: "numeric", timeZone: "UTC" });
    const named = (_plot: uPlot, seconds: number[]) => seconds.map((one) => short.format(one * 1000));
    const plot = new uPlot(
      {
        width: at.clientWidth,
        height: HEIGHT,
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        axes: [{ ...axis, incrs: DAYS_APART, values: named }, { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 500, 1000] }],
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, 1)] } },
        series: [
          { label: t("admin.usage.day"), value: "{YYYY}-{MM}-{DD}" },
          ...KINDS.map((kind, index) => ({
            label: t(`admin.usage.kinds.${kind}`),
            stroke: () => colour(COLOURS[index]!),
            width: 2,
            dash: index === 0 ? [] : [6, 2 * index],
          })),
        ],
      },
      [days.map((one) => one.at), ...KINDS.map((kind) => days.map((one) => one[kind]))],
      at,
    );
    const watch = new ResizeObserver(() => plot.setSize({ width: at.clientWidth, height: HEIGHT }));
    watch.observe(at);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [days, t, i18n.language]);
  if (days.length < 2) return null;
  return (
    <div className={styles.chart} role="img" aria-label={t("admin.usage.chart")}>
      <div ref={box} />
    </div>
  );
}

function DayTable({ days }: { days: Day[] }) {
  const { t, i18n } = useTranslation();
  return (
    <Table
      caption={t("admin.usage.chart")}
      rows={[...days].reverse()}
      rowKey={(one) => String(one.at)}
      empty={t("admin.audit.none")}
      columns={[
        { name: "day", title: t("admin.usage.day"), cell: (one) => shownDay(one.at, i18n.language, "UTC") },
        ...KINDS.map((kind) => ({
          name: kind,
          title: t(`admin.usage.kinds.${kind}`),
          numeric: true,
          cell: (one: Day) => count(one[kind], i18n.language),
        })),
      ]}
    />
  );
}
