import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { send } from "../api/client";
import { changeSession, fetchSession, useSession } from "../api/queries";
import { chooseLanguage, LANGUAGES } from "../i18n";
import { Icon } from "../ui/Icon";
import menu from "../ui/Menu.module.css";
import styles from "./AccountMenu.module.css";
import { chooseTheme, language, type Theme, theme } from "./preferences";

const THEMES: Theme[] = ["system", "light", "dark"];

export function AccountMenu({ shortcuts }: { shortcuts: () => void }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const person = useSession().data?.user;

  async function signOut() {
    await send("/session", { method: "DELETE" });
    changeSession(await fetchSession());
    navigate("/");
  }

  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className={styles.trigger} aria-label={t("account.menu")}>
        <span className={styles.badge} aria-hidden="true">
          <Icon name="person" size={16} />
        </span>
        <bdi>{person?.name ?? ""}</bdi>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={menu.content} side="top" align="start" collisionPadding={8}>
          <ThemeChoice />
          <LanguageChoice />
          <DropdownMenu.Separator className={menu.separator} />
          <DropdownMenu.Item className={menu.item} onSelect={() => navigate("/keys")}>
            <Icon name="key" size={16} />
            {t("account.keys")}
          </DropdownMenu.Item>
          {person && person.role !== "reader" && (
            <DropdownMenu.Item className={menu.item} onSelect={() => navigate("/admin/sources")}>
              <Icon name="settings" size={16} />
              {t("admin.title")}
            </DropdownMenu.Item>
          )}
          <DropdownMenu.Item className={menu.item} onSelect={shortcuts}>
            <Icon name="inspect" size={16} />
            {t("shortcuts.title")}
          </DropdownMenu.Item>
          <DropdownMenu.Separator className={menu.separator} />
          <DropdownMenu.Item className={menu.item} onSelect={() => void signOut()}>
            <Icon name="left" size={16} />
            {t("account.sign_out")}
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

function ThemeChoice() {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState(theme);
  return (
    <DropdownMenu.RadioGroup
      value={chosen}
      onValueChange={(value) => {
        chooseTheme(value as Theme);
        setChosen(value as Theme);
      }}
    >
      <DropdownMenu.Label className={menu.label}>{t("account.theme.label")}</DropdownMenu.Label>
      {THEMES.map((one) => (
        <Choice key={one} value={one} label={t(`account.theme.${one}`)} />
      ))}
    </DropdownMenu.RadioGroup>
  );
}

function LanguageChoice() {
  const { t } = useTranslation();
  return (
    <DropdownMenu.RadioGroup value={language() ?? "system"} onValueChange={chooseLanguage}>
      <DropdownMenu.Label className={menu.label}>{t("account.language")}</DropdownMenu.Label>
      <Choice value="system" label={t("account.theme.system")} />
      {Object.entries(LANGUAGES).map(([code, name]) => (
        <Choice key={code} value={code} label={name} />
      ))}
    </DropdownMenu.RadioGroup>
  );
}

function Choice({ value, label }: { value: string; label: string }) {
  return (
    <DropdownMenu.RadioItem value={value} className={menu.item} onSelect={(event) => event.preventDefault()}>
      {label}
      <span className={menu.indicator}>
        <DropdownMenu.ItemIndicator>
          <Icon name="check" size={16} />
        </DropdownMenu.ItemIndicator>
      </span>
    </DropdownMenu.RadioItem>
  );
}
