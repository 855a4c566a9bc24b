import { DropdownMenu } from "radix-ui";
import { useTranslation } from "react-i18next";
import { useCollections } from "../api/queries";
import { count } from "../format";
import { Icon } from "../ui/Icon";
import menu from "../ui/Menu.module.css";
import styles from "./CollectionsMenu.module.css";

interface CollectionsMenuProps {
  chosen: string[];
  choose: (collections: string[]) => void;
}

/** Which collections an answer may come from; none chosen means all. */
export function CollectionsMenu({ chosen, choose }: CollectionsMenuProps) {
  const { t, i18n } = useTranslation();
  const collections = useCollections().data ?? [];
  if (collections.length < 2 && !chosen.length) return null;
  const label = (name: string) =>
    collections.find((one) => one.name === name)?.private ? t("collections.private") : name;
  const toggle = (name: string) =>
    choose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger className={styles.trigger}>
        <Icon name="layers" size={16} />
        <span>{chosen.length ? chosen.map(label).join(", ") : t("collections.all")}</span>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className={menu.content} align="start" sideOffset={6} collisionPadding={8}>
          <DropdownMenu.Label className={menu.label}>{t("collections.title")}</DropdownMenu.Label>
          <DropdownMenu.CheckboxItem
            className={menu.item}
            checked={!chosen.length}
            onSelect={(event) => event.preventDefault()}
            onCheckedChange={() => choose([])}
          >
            {t("collections.all")}
            <span className={menu.indicator}>{!chosen.length && <Icon name="check" size={16} />}</span>
          </DropdownMenu.CheckboxItem>
          <DropdownMenu.Separator className={menu.separator} />
          {collections.map((one) => (
            <DropdownMenu.CheckboxItem
              key={one.name}
              className={menu.item}
              checked={chosen.includes(one.name)}
              onSelect={(event) => event.preventDefault()}
              onCheckedChange={() => toggle(one.name)}
            >
              <bdi>{label(one.name)}</bdi>
              <small className={styles.count}>{count(one.documents, i18n.language)}</small>
              <span className={menu.indicator}>{chosen.includes(one.name) && <Icon name="check" size={16} />}</span>
            </DropdownMenu.CheckboxItem>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
