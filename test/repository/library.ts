import { BigIntType, Collection, type Opt, PrimaryKeyProp, type Ref } from '@mikro-orm/core';
import {
  Embeddable,
  Embedded,
  Entity,
  Enum,
  Filter,
  ManyToOne,
  OneToMany,
  PrimaryKey,
  Property,
  Unique,
} from '@mikro-orm/decorators/legacy';
import { MikroOrmRepository, MikroOrmUnitOfWork } from '../../src/index.js';

/** Where an author lives: columns of the author's own. */
@Embeddable()
export class Home {
  @Property({ type: 'string' })
  city!: string;

  @Property({ type: 'string', nullable: true })
  street?: string | null;
}

export enum Genre {
  Novel = 'novel',
  Essay = 'essay',
}

/** An author: a unique name, an embedded home, a version, columns of many types. */
@Entity()
export class Author {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Unique()
  @Property({ type: 'string' })
  name!: string;

  @Embedded(() => Home, { nullable: true })
  home?: Home | null;

  @Property({ type: 'Date', nullable: true })
  born?: Date | null;

  @Property({ type: 'json', nullable: true })
  settings?: { theme: string } | null;

  @Property({ type: 'string', nullable: true, hidden: true })
  secret?: string | null;

  @Property({ type: 'integer', version: true })
  version!: Opt<number>;

  @OneToMany(
    () => Book,
    (book) => book.author,
  )
  books = new Collection<Book>(this);
}

/** A shelf: its key is two columns. */
@Entity()
export class Shelf {
  [PrimaryKeyProp]?: ['room', 'place'];

  @PrimaryKey({ type: 'string' })
  room!: string;

  @PrimaryKey({ type: 'integer' })
  place!: number;

  @Property({ type: 'string', nullable: true })
  label?: string | null;
}

/** A book: related to an author and to a shelf; deleted ones are hidden by a filter. */
@Entity()
@Filter({ name: 'present', cond: { deletedAt: null }, default: true })
export class Book {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  title!: string;

  @Enum({ items: () => Genre })
  genre: Opt<Genre> = Genre.Novel;

  @Property({ type: new BigIntType('bigint') })
  pages: Opt<bigint> = 0n;

  @ManyToOne(() => Author, { ref: true, deleteRule: 'cascade' })
  author!: Ref<Author>;

  @ManyToOne(() => Shelf, { nullable: true, deleteRule: 'set null' })
  shelf?: Shelf | null;

  @Property({ type: 'Date', nullable: true })
  deletedAt?: Date | null;
}

export const libraryEntities = [Home, Author, Shelf, Book];

export class AuthorRepository extends MikroOrmRepository<Author> {
  protected readonly entity = Author;
}

export class ShelfRepository extends MikroOrmRepository<Shelf> {
  protected readonly entity = Shelf;
}

export class BookRepository extends MikroOrmRepository<Book> {
  protected readonly entity = Book;
}

export class LibraryUnitOfWork extends MikroOrmUnitOfWork.of({
  authors: AuthorRepository,
  shelves: ShelfRepository,
  books: BookRepository,
}) {}
