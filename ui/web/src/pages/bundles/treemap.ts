/**
 * A squarified treemap (Bruls, Huizing, van Wijk 2000): rectangles whose areas are as their sizes, as near to squares as may be.
 * Pure and deterministic: the same sizes in the same frame give the same picture.
 */

export type Box = { x: number; y: number; width: number; height: number };

/** One box for each size, in the order of the sizes, which go downwards. Sizes are above 0. */
export function squarify(sizes: readonly number[], frame: Box): Box[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const scale = (frame.width * frame.height) / total;
  const areas = sizes.map((size) => size * scale);
  const boxes: Box[] = [];
  let rest = frame;
  for (let from = 0; from < areas.length; ) {
    const side = Math.min(rest.width, rest.height);
    let to = from + 1;
    while (to < areas.length && worst(areas.slice(from, to + 1), side) <= worst(areas.slice(from, to), side)) to += 1;
    rest = lay(areas.slice(from, to), rest, boxes);
    from = to;
  }
  return boxes;
}

/** How far from a square the worst of a row is; 1 is a square. */
function worst(row: readonly number[], side: number): number {
  const sum = row.reduce((one, other) => one + other, 0);
  const [least, most] = [Math.min(...row), Math.max(...row)];
  return Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least));
}

/** Lays a row along the shorter side; gives back what is left of the frame. */
function lay(row: readonly number[], frame: Box, boxes: Box[]): Box {
  const sum = row.reduce((one, other) => one + other, 0);
  const upright = frame.width >= frame.height;
  const thick = sum / (upright ? frame.height : frame.width);
  let at = 0;
  for (const area of row) {
    const long = area / thick;
    boxes.push(
      upright
        ? { x: frame.x, y: frame.y + at, width: thick, height: long }
        : { x: frame.x + at, y: frame.y, width: long, height: thick },
    );
    at += long;
  }
  return upright
    ? { ...frame, x: frame.x + thick, width: frame.width - thick }
    : { ...frame, y: frame.y + thick, height: frame.height - thick };
}
