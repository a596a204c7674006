/** The rooms, from the cellars up. A room may import from those in the lines above its own, and from itself. */
const storeys = [
  ['errors'],
  ['common', 'interfaces'],
  ['observability'],
  ['postgres', 'session'],
  ['config'],
  ['engine'],
  ['connection'],
  ['repository'],
  ['unit-of-work'],
  ['once'],
  ['typedi', 'nestjs', 'testing'],
  ['index'],
  // built on what the package exports, as a consumer is
  ['sync'],
];

/** What stands at an entry of its own beside the room that it is named after, and is read by nobody inside. */
const entries = ['src/observability/opentelemetry'];

/** The rules of DESIGN for dependency-cruiser, for the rooms that there are. Throws for a room that has no storey. */
export function rules(sources) {
  for (const path of sources) {
    if (!storeys.flat().includes(roomOf(path))) {
      throw new Error(`${path} is in no room that scripts/layers/rules.mjs knows`);
    }
  }
  const upwards = storeys.flatMap((rooms, height) =>
    rooms.map((room) => ({
      name: `${room} imports from its own room and below`,
      severity: 'error',
      from: { path: pathOf(room) },
      to: { path: '^src/', pathNot: [pathOf(room), ...storeys.slice(0, height).flat().map(pathOf)].join('|') },
    })),
  );
  const circles = { name: 'no circle', severity: 'error', from: {}, to: { circular: true } };
  const inside = {
    name: 'nobody imports what is for those only who have OpenTelemetry',
    severity: 'error',
    from: { pathNot: entries.map((entry) => `^${entry}`).join('|') },
    to: { path: entries.map((entry) => `^${entry}`).join('|') },
  };
  return [...upwards, circles, inside];
}

function roomOf(path) {
  return path
    .replace(/^src\//, '')
    .split('/')[0]
    .replace(/\.ts$/, '');
}

function pathOf(room) {
  return `^src/${room}(/|\\.js$)`;
}
