/** The median of numbers, undefined of none. */
export function median(values) {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return sorted.length === 0 ? undefined : (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

/** Half of the distance between the quartiles, as a share of the median: how far a round is from another. */
export function spread(values) {
  const sorted = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.round((sorted.length - 1) * share)];
  return sorted.length < 4 ? undefined : (at(0.75) - at(0.25)) / 2 / median(sorted);
}

/** A number with about three digits. */
export function short(value) {
  if (value === undefined) {
    return '-';
  }
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
