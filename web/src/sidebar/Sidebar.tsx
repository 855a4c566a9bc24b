import { type RefObject, useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { problemFrom } from "../api/client";
import { useConversations } from "../api/queries";
import { AccountMenu } from "../account/AccountMenu";
import { Button, IconButton } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Logo } from "../ui/Logo";
import { ProblemNote } from "../ui/Problem";
import { ConversationRow } from "./ConversationRow";
import styles from "./Sidebar.module.css";

interface SidebarProps {
  current: string | undefined;
  search: RefObject<HTMLInputElement | null>;
  close: () => void;
  shortcuts: () => void;
}

export function Sidebar({ current, search, close, shortcuts }: SidebarProps) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState("");
  const q = useDeferredValue(typed.trim());
  const list = useConversations(q);
  const rows = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <nav className={styles.sidebar} aria-label={t("sidebar.label")}>
      <div className={styles.top}>
        <Logo />
        <IconButton icon="menu" label={t("sidebar.close")} onClick={close} />
      </div>
      <Button icon="plus" className={styles.begin} data-leads-away onClick={() => navigate("/")}>
        {t("sidebar.new")}
      </Button>
      <label className={styles.search}>
        <Icon name="search" size={16} />
        <span className="unseen">{t("sidebar.search")}</span>
        <input
          ref={search}
          type="search"
          value={typed}
          placeholder={t("sidebar.search")}
          dir="auto"
          onChange={(event) => setTyped(event.target.value)}
        />
      </label>
      <div className={styles.list}>
        {list.error && <ProblemNote problem={problemFrom(list.error)} retry={() => void list.refetch()} />}
        {list.data && !rows.length && (
          <p className={styles.none}>{t(q ? "sidebar.none_found" : "sidebar.none")}</p>
        )}
        <ul role="list">
          {rows.map((one) => (
            <ConversationRow key={one.id} conversation={one} current={one.id === current} />
          ))}
        </ul>
        {list.hasNextPage && (
          <Button className={styles.more} onClick={() => void list.fetchNextPage()}>
            {t("more")}
          </Button>
        )}
      </div>
      <AccountMenu shortcuts={shortcuts} />
    </nav>
  );
}
