/**
 * Medians, spreads and lines.
 * @module
 */

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least and the most of some numbers. */
export function range(numbers: readonly number[]): [number, number] {
  return [
    numbers.reduce((a, b) => Math.min(a, b), Infinity),
    numbers.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
}

/** The line through some points that has the least squares. */
export function line(
  points: readonly (readonly [number, number])[],
): { at0: number; slope: number } {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  let [above, below] = [0, 0];
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  const slope = below === 0 ? 0 : above / below;
  return { at0: meanY - slope * meanX, slope };
}

/** The slope of that line. */
export function slope(points: readonly (readonly [number, number])[]): number {
  return line(points).slope;
}
