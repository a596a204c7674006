/** Fails where this library needs other round trips or more connections than the workload allows. */
export function checkCounts(workloads, counts) {
  const wrong = [
    ...wrongOf(workloads, counts['mikro-orm-uow'], ({ roundTrips }) => roundTrips),
    ...wrongOf(workloads, counts['mikro-orm-uow, last trip joined'], ({ joined }) => joined),
  ];
  if (wrong.length > 0) {
    console.error(wrong.join('\n'));
    process.exitCode = 1;
  } else {
    console.log('Round trips and connections are what they should be.');
  }
}

function wrongOf(workloads, own, expectedOf) {
  if (own === undefined) {
    return [];
  }
  return workloads.flatMap((workload) => {
    const { name, title, connections = 1 } = workload;
    const roundTrips = expectedOf(workload);
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
}
