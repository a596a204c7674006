/** Fails where this library needs other round trips or more connections than the workload allows. */
export function checkCounts(workloads, counts) {
  const own = counts['mikro-orm-uow'];
  if (own === undefined) {
    return;
  }
  const wrong = workloads.flatMap(({ name, title, roundTrips, connections = 1 }) => {
    const counted = own[name];
    return [
      ...(roundTrips !== undefined && counted.roundTrips !== roundTrips
        ? [`${title}: ${counted.roundTrips} round trips instead of ${roundTrips}`]
        : []),
      ...(counted.connections > connections
        ? [`${title}: ${counted.connections} connections, ${connections} allowed`]
        : []),
    ];
  });
  if (wrong.length > 0) {
    console.error(wrong.join('\n'));
    process.exitCode = 1;
  } else {
    console.log('Round trips and connections are what they should be.');
  }
}
