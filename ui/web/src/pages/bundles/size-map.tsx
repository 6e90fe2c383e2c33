import { useMemo, useRef } from "react";
import { locale, useText } from "../../i18n";
import { bytes, useWidth } from "../../kit";
import type { Part } from "./contents";
import { squarify } from "./treemap";

const HEIGHT = 320;
/** Components that are drawn: more are too small to be seen. */
const MOST = 40;

/** How the bytes of a bundle are divided: an area for each file and image, the components beside each other. The list below has the same as figures. */
export function SizeMap({ parts }: { parts: Part[] }) {
  const t = useText();
  const groups = useMemo(() => grouped(parts), [parts]);
  const size = (count: number) => bytes(count, locale()).join(" ");
  const total = groups.reduce((sum, group) => sum + group.size, 0);
  const box = useRef<SVGSVGElement>(null);
  const frame = { x: 0, y: 0, width: useWidth(box, 1000), height: HEIGHT };
  const outer = squarify(groups.map((group) => group.size), frame);
  return (
    <svg ref={box} className="size-map" height={HEIGHT} role="img" aria-label={t("bundles.sizesOf", { count: groups.length, size: size(total) })}>
      {groups.map((group, at) => {
        const box = outer[at];
        if (!box) return null;
        const inner = squarify(group.parts.map((part) => part.size), box);
        const room = (text: string, wide: number) => box.width > text.length * wide + 16;
        const wide = room(group.name, 8.6);
        const roomy = (wide || room(group.name, 7.2)) && box.height > 22;
        return (
          <g key={group.name} className={`shade-${Math.min(3, at)}`}>
            {group.parts.map((part, index) => {
              const place = inner[index];
              return place && (
                <rect key={part.key} {...place}><title>{`${group.name}\n${part.name} (${part.arch})\n${size(part.size)}`}</title></rect>
              );
            })}
            <rect className="frame" {...box} />
            {roomy && <text className={wide ? "" : "narrow"} x={box.x + 8} y={box.y + 18}>{group.name}</text>}
            {roomy && room(size(group.size), 7.2) && box.height > 42 && <text className="figure" x={box.x + 8} y={box.y + 35}>{size(group.size)}</text>}
          </g>
        );
      })}
    </svg>
  );
}

type Group = { name: string; size: number; parts: Part[] };

/** By component, the largest first, each with its largest parts first. */
function grouped(parts: Part[]): Group[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) if (part.size > 0) groups.set(part.component, [...(groups.get(part.component) ?? []), part]);
  return [...groups]
    .map(([name, own]): Group => ({ name, size: own.reduce((sum, part) => sum + part.size, 0), parts: own.sort((a, b) => b.size - a.size) }))
    .sort((a, b) => b.size - a.size)
    .slice(0, MOST);
}
