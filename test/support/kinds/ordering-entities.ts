import { Collection, type Platform, PrimaryKeyProp, Type } from '@mikro-orm/core';
import {
  Embeddable,
  Embedded,
  Entity,
  ManyToMany,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryKey,
  Property,
} from '@mikro-orm/decorators/legacy';

/** `cus_7`, stored as 7. */
class CustomerKey extends Type<string, number> {
  override convertToDatabaseValue(value: string): number {
    return Number(String(value).replace('cus_', ''));
  }

  override convertToJSValue(value: number | string): string {
    return String(value).startsWith('cus_') ? String(value) : `cus_${value}`;
  }

  override getColumnType(): string {
    return 'int';
  }
}

/** A point, which PostgreSQL can't order, as text, which it can. */
class PointText extends Type<string, string> {
  override convertToJSValueSQL(key: string): string {
    return `(${key})::text`;
  }

  override convertToDatabaseValueSQL(key: string): string {
    return `(${key})::point`;
  }

  override getColumnType(): string {
    return 'point';
  }
}

/** A boolean the other way round. */
class Inverted extends Type<boolean, boolean> {
  override convertToDatabaseValue(value: boolean): boolean {
    return !value;
  }

  override convertToJSValue(value: boolean): boolean {
    return !value;
  }

  override getColumnType(_property: unknown, _platform: Platform): string {
    return 'boolean';
  }
}

/** An object in columns, and in JSON. */
@Embeddable()
export class Mark {
  @Property({ type: 'string', nullable: true })
  label?: string | null;

  @Property({ type: 'Date', columnType: 'timestamptz(6)', nullable: true })
  at?: Date | null;

  @Property({ type: 'number', nullable: true })
  weight?: number | null;

  @Property({ type: 'boolean', nullable: true })
  good?: boolean | null;
}

@Entity({ tableName: 'holder' })
export class Holder {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', nullable: true })
  name?: string | null;

  @Property({ type: 'Date', columnType: 'timestamptz(6)' })
  since!: Date;

  @Property({ type: 'string', hidden: true, nullable: true })
  secret?: string | null;

  @Embedded(() => Mark, { prefix: 'mark_', nullable: true })
  mark?: Mark | null;

  @ManyToOne(() => Holder, { nullable: true })
  boss?: Holder | null;

  @OneToMany(
    () => Item,
    (item) => item.holder,
  )
  items = new Collection<Item>(this);

  @OneToOne(
    () => Badge,
    (badge) => badge.holder,
    { nullable: true },
  )
  badge?: Badge | null;
}

@Entity({ tableName: 'badge' })
export class Badge {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'float', columnType: 'real' })
  shine!: number;

  @OneToOne(() => Holder, { owner: true })
  holder!: Holder;
}

@Entity({ tableName: 'tag' })
export class Tag {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  text!: string;
}

@Entity({ tableName: 'item' })
export class Item {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', nullable: true })
  name?: string | null;

  @ManyToOne(() => Holder, { nullable: true })
  holder?: Holder | null;

  @Embedded(() => Mark, { object: true, nullable: true })
  doc?: Mark | null;

  @Property({ type: 'json', nullable: true })
  data?: unknown;

  @Property({ type: Inverted })
  shut!: boolean;

  @Property({ type: PointText, nullable: true })
  place?: string | null;

  @ManyToMany(() => Tag, undefined, { owner: true })
  tags = new Collection<Tag>(this);
}

@Entity({ tableName: 'customer' })
export class Customer {
  @PrimaryKey({ type: CustomerKey })
  id!: string;

  @Property({ type: 'string' })
  city!: string;
}

/** Its key is a relation, whose key has a type of its own, and a number. */
@Entity({ tableName: 'purchase' })
export class Purchase {
  [PrimaryKeyProp]?: ['customer', 'number'];

  @ManyToOne(() => Customer, { primary: true })
  customer!: Customer;

  @PrimaryKey({ type: 'integer' })
  number!: number;

  @Property({ type: 'string', nullable: true })
  note?: string | null;
}

/** Refers to a composite key. */
@Entity({ tableName: 'refund' })
export class Refund {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Purchase, { nullable: true })
  purchase?: Purchase | null;
}

@Entity({
  tableName: 'animal',
  discriminatorColumn: 'kind',
  discriminatorMap: { cat: 'Cat', dog: 'Dog' },
  abstract: true,
})
export abstract class Animal {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  name!: string;
}

@Entity()
export class Cat extends Animal {
  @Property({ type: 'integer', nullable: true })
  lives?: number | null;
}

@Entity()
export class Dog extends Animal {
  @Property({ type: 'string', nullable: true })
  bark?: string | null;
}

@Entity({ tableName: 'vehicle', inheritance: 'tpt' } as never)
export class Vehicle {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', nullable: true })
  maker?: string | null;
}

@Entity({ tableName: 'car' })
export class Car extends Vehicle {
  @Property({ type: 'integer', nullable: true })
  doors?: number | null;
}

@Entity({ tableName: 'truck' })
export class Truck extends Car {
  @Property({ type: 'float', columnType: 'real', nullable: true })
  load?: number | null;
}

/** In a schema of its own. */
@Entity({ tableName: 'far', schema: 'blue' })
export class Far {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'float', columnType: 'real', nullable: true })
  value?: number | null;
}

/** In any schema. */
@Entity({ tableName: 'wide', schema: '*' })
export class Wide {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'float', columnType: 'real', nullable: true })
  value?: number | null;
}

export const orderingEntities = [
  Mark,
  Holder,
  Badge,
  Tag,
  Item,
  Customer,
  Purchase,
  Refund,
  Animal,
  Cat,
  Dog,
  Vehicle,
  Car,
  Truck,
  Far,
  Wide,
];
