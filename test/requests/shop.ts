import { type Constructor, defineEntity, type Platform, p, Type } from '@mikro-orm/core';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';

const HomeSchema = defineEntity({
  name: 'ShopHome',
  embeddable: true,
  properties: { city: p.string(), doorCode: p.string().hidden().nullable() },
});

/** Where a member lives: in columns, and as a document; with a field that nobody is to see. */
export class ShopHome extends HomeSchema.class {}
HomeSchema.setClass(ShopHome);

const TeamSchema = defineEntity({
  name: 'Team',
  properties: {
    id: p.integer().primary(),
    title: p.string(),
    motto: p.string().hidden().nullable(),
    members: () => p.oneToMany(Member).mappedBy('team'),
  },
});

/** What members belong to. */
export class Team extends TeamSchema.class {}
TeamSchema.setClass(Team);

const MemberSchema = defineEntity({
  name: 'Member',
  properties: {
    id: p.integer().primary(),
    version: p.integer().version(),
    name: p.string().unique(),
    secret: p.string().hidden().nullable(),
    pin: p.integer().hidden().nullable(),
    balance: p.integer().default(0),
    price: p.decimal('string').precision(10).scale(2).nullable(),
    ratio: p.double().nullable(),
    big: p.bigint().nullable(),
    flag: p.boolean().nullable(),
    born: p.datetime().nullable(),
    day: p.date().nullable(),
    ref: p.uuid().nullable(),
    kind: p.enum(['small', 'large']).nullable(),
    meta: p.json<Record<string, unknown>>().nullable(),
    tags: p.array().nullable(),
    bytes: p.blob().nullable(),
    home: () => p.embedded(ShopHome).nullable(),
    paper: () => p.embedded(ShopHome).object().nullable(),
    rooms: () => p.embedded(ShopHome).array().nullable(),
    team: () => p.manyToOne(Team).nullable(),
    friends: () => p.manyToMany(Member),
  },
});

/** A member: a column of each kind that a request may ask for. */
export class Member extends MemberSchema.class {}
MemberSchema.setClass(Member);

/** `cus_7` in JavaScript, 7 in the database. */
class CustomerKey extends Type<string, number> {
  override convertToDatabaseValue(value: string): number {
    return typeof value === 'string' && value.startsWith('cus_') ? Number(value.slice(4)) : (value as never);
  }
  override convertToJSValue(value: number): string {
    return `cus_${value}`;
  }
  override getColumnType(_property: unknown, _platform: Platform): string {
    return 'int';
  }
}

const note = () => p.string().nullable();
const schemas = {
  bigint: defineEntity({
    name: 'ByBigint',
    properties: { id: p.bigint().primary().autoincrement(false), note: note() },
  }),
  uuid: defineEntity({ name: 'ByUuid', properties: { id: p.uuid().primary(), note: note() } }),
  text: defineEntity({ name: 'ByText', properties: { id: p.string().primary(), note: note() } }),
  numeric: defineEntity({
    name: 'ByNumeric',
    properties: { id: p.decimal('string').precision(10).scale(2).primary(), note: note() },
  }),
  date: defineEntity({ name: 'ByDate', properties: { id: p.datetime().primary(), note: note() } }),
  custom: defineEntity({
    name: 'ByCustom',
    properties: { id: p.type(CustomerKey as Constructor<CustomerKey>).primary(), note: note() },
  }),
  pair: defineEntity({
    name: 'ByPair',
    primaryKeys: ['shelf', 'place'],
    properties: { shelf: p.string().primary(), place: p.integer().primary(), note: note() },
  }),
} as const;

export class ByBigint extends schemas.bigint.class {}
schemas.bigint.setClass(ByBigint);
export class ByUuid extends schemas.uuid.class {}
schemas.uuid.setClass(ByUuid);
export class ByText extends schemas.text.class {}
schemas.text.setClass(ByText);
export class ByNumeric extends schemas.numeric.class {}
schemas.numeric.setClass(ByNumeric);
export class ByDate extends schemas.date.class {}
schemas.date.setClass(ByDate);
export class ByCustom extends schemas.custom.class {}
schemas.custom.setClass(ByCustom);
export class ByPair extends schemas.pair.class {}
schemas.pair.setClass(ByPair);

const SeatSchema = defineEntity({
  name: 'Seat',
  primaryKeys: ['team', 'place'],
  properties: { team: () => p.manyToOne(Team).primary(), place: p.integer().primary(), note: note() },
});

/** Its key has a relation in it. */
export class Seat extends SeatSchema.class {}
SeatSchema.setClass(Seat);

export const shopEntities = [
  Member,
  Team,
  ShopHome,
  ByBigint,
  ByUuid,
  ByText,
  ByNumeric,
  ByDate,
  ByCustom,
  ByPair,
  Seat,
];

class MemberRepository extends MikroOrmRepository<Member> {
  protected readonly entity = Member;
}
class TeamRepository extends MikroOrmRepository<Team> {
  protected readonly entity = Team;
}
class ByBigintRepository extends MikroOrmRepository<ByBigint> {
  protected readonly entity = ByBigint;
}
class ByUuidRepository extends MikroOrmRepository<ByUuid> {
  protected readonly entity = ByUuid;
}
class ByTextRepository extends MikroOrmRepository<ByText> {
  protected readonly entity = ByText;
}
class ByNumericRepository extends MikroOrmRepository<ByNumeric> {
  protected readonly entity = ByNumeric;
}
class ByDateRepository extends MikroOrmRepository<ByDate> {
  protected readonly entity = ByDate;
}
class ByCustomRepository extends MikroOrmRepository<ByCustom> {
  protected readonly entity = ByCustom;
}
class ByPairRepository extends MikroOrmRepository<ByPair> {
  protected readonly entity = ByPair;
}
class SeatRepository extends MikroOrmRepository<Seat> {
  protected readonly entity = Seat;
}

export const shopRepositories = {
  members: MemberRepository,
  teams: TeamRepository,
  bigints: ByBigintRepository,
  uuids: ByUuidRepository,
  texts: ByTextRepository,
  numerics: ByNumericRepository,
  dates: ByDateRepository,
  customs: ByCustomRepository,
  pairs: ByPairRepository,
  seats: SeatRepository,
};

export class ShopUnitOfWork extends MikroOrmUnitOfWork.of(shopRepositories) {}

/** Rows in every table; each has two, so that a call that touches another row than the one that it names shows. */
export const shopRows = `
  insert into team (id, title, motto) values (1, 'red', 'hush'), (2, 'blue', 'hush');
  insert into member (id, version, name, secret, pin, balance, meta, tags, home_city, home_door_code, team_id) values
    (1, 1, 'Ada', 'hunter2', 1234, 10, '{"theme": "dark", "deep": {"n": 1}}', '{a,b}', 'Rome', '42', 1),
    (2, 1, 'Bob', 'swordfish', 4321, 20, '{"theme": "light"}', '{}', 'Oslo', '43', 2),
    (3, 1, 'Eve', null, null, 30, null, null, null, null, null);
  insert into by_bigint values (1, 'a'), (9007199254740993, 'b');
  insert into by_uuid values ('5c3f8a51-77d1-4c58-a2fd-11b6ef3a0001', 'a'), ('5c3f8a51-77d1-4c58-a2fd-11b6ef3a0002', 'b');
  insert into by_text values ('', 'a'), ('x', 'b');
  insert into by_numeric values (1.5, 'a'), (2, 'b');
  insert into by_date values ('2026-01-01T00:00:00Z', 'a'), ('2026-01-02T00:00:00Z', 'b');
  insert into by_custom values (7, 'a'), (8, 'b');
  insert into by_pair values ('r', 1, 'a'), ('r', 2, 'b');
  insert into seat values (1, 1, 'a'), (2, 1, 'b');
`;

export const shopTables = [
  'member',
  'team',
  'member_friends',
  'by_bigint',
  'by_uuid',
  'by_text',
  'by_numeric',
  'by_date',
  'by_custom',
  'by_pair',
  'seat',
];
