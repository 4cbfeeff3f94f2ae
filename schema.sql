-- The catalogue: everything photoseek knows, in one SQL schema. Vector files are caches of it.
--
-- Written for SQLite. For PostgreSQL the same text is used with five words exchanged (library/catalog/database.py):
-- INTEGER PRIMARY KEY AUTOINCREMENT, INTEGER, REAL, BLOB and COLLATE BINARY.
--
-- change_seq: meta.change_seq grows by one in every writing transaction; a row carries the value of the
-- transaction that last changed it. A reader that has seen all up to N asks for change_seq > N.
-- images.change_seq moves when the picture changes, vanishes or comes back, not when its file is renamed or touched.
-- Times: TIMESTAMP is UTC without zone, except images.taken_at, which is the camera's local time.

-- One row: what this library is.
CREATE TABLE meta (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    library_id     TEXT    NOT NULL,               -- random, so that another library's vector files are recognised
    change_seq     INTEGER NOT NULL,
    created_at     TIMESTAMP NOT NULL
);

-- One row per image file ever indexed. Ids are never used twice.
CREATE TABLE images (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    path           TEXT COLLATE BINARY NOT NULL,   -- absolute; sorts as the planner merges (path_text.py)
    root           TEXT    NOT NULL,               -- the folder or file given to index under which it was found
    size_bytes     INTEGER NOT NULL,
    mtime_ns       INTEGER NOT NULL,
    content_hash   TEXT    NOT NULL,               -- BLAKE2b-160 of the file's bytes, hexadecimal
    width          INTEGER NOT NULL,               -- pixels as displayed, orientation applied
    height         INTEGER NOT NULL,
    format         TEXT    NOT NULL,               -- Pillow's name: JPEG, PNG, ...
    orientation    INTEGER NOT NULL,               -- EXIF, 1 to 8
    taken_at       TIMESTAMP,                      -- the camera's local time
    taken_offset_min INTEGER,                      -- minutes that taken_at is ahead of UTC, when known
    camera         TEXT,
    lens           TEXT,
    latitude       REAL,                           -- degrees, WGS 84
    longitude      REAL,
    rating         INTEGER,                        -- 0 to 5 stars
    colours        TEXT    NOT NULL,               -- up to three names, the largest part first: 'blue white'
    perceptual_hash INTEGER,                       -- 64 bits, signed; copies differ in few (library/images/hashes.py)
    warning        TEXT,                           -- what is wrong with a picture that was kept nevertheless
    sidecars       TEXT    NOT NULL,               -- the files beside it that tell of it, their sizes and dates
    missing_since  TIMESTAMP,                      -- set when the file vanished; kept out of answers
    indexed_at     TIMESTAMP NOT NULL,
    change_seq     INTEGER NOT NULL
);
CREATE UNIQUE INDEX images_path ON images (path);                  -- one row a path; planning walks it in order
CREATE INDEX images_content ON images (size_bytes, content_hash);  -- has this picture been seen before?
CREATE INDEX images_change_seq ON images (change_seq);             -- what changed since?
CREATE INDEX images_taken_at ON images (taken_at);                 -- sorting and filtering by date

-- One row per embedding model this library has been indexed with.
CREATE TABLE models (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    key            TEXT    NOT NULL,               -- pins name, weights, preprocessing and dim
    name           TEXT    NOT NULL,               -- as given to --model
    dim            INTEGER NOT NULL,
    created_at     TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX models_key ON models (key);  -- one row a key

-- One vector per image and model: L2-normalised, little-endian float16, 2 * dim bytes.
CREATE TABLE embeddings (
    image_id       INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    model_id       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    vector         BLOB    NOT NULL,
    change_seq     INTEGER NOT NULL,
    PRIMARY KEY (image_id, model_id)
);
CREATE INDEX embeddings_change_seq ON embeddings (model_id, change_seq);  -- a model's new vectors

-- What a model saw at the places of a picture, reduced to bytes (library/embedders/mini_places.py): a judge reads them
-- in place of the file. A picture without a row is read from its file.
CREATE TABLE places (
    content_hash   TEXT    NOT NULL,               -- the picture's, images.content_hash
    model_id       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    version        TEXT    NOT NULL,               -- of the reduction: other versions' rows are not read
    data           BLOB    NOT NULL,
    PRIMARY KEY (content_hash, model_id)
);

-- Images whose rows are gone, until every generation has been built without them.
CREATE TABLE deletions (
    image_id       INTEGER NOT NULL PRIMARY KEY,
    change_seq     INTEGER NOT NULL
);
CREATE INDEX deletions_change_seq ON deletions (change_seq);  -- what went since?

-- Captions, titles, keywords: words about an image, and where they come from.
CREATE TABLE texts (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id       INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    source         TEXT    NOT NULL,               -- sidecar, xmp, iptc, exif, or a captioner's name and revision
    kind           TEXT    NOT NULL,               -- caption, title, keyword
    language       TEXT,                           -- BCP 47, when known
    body           TEXT    NOT NULL,
    change_seq     INTEGER NOT NULL
);
CREATE INDEX texts_image_id ON texts (image_id);      -- an image's words
CREATE INDEX texts_change_seq ON texts (change_seq);  -- what changed since?

-- The texts' vectors, in the same spaces and format as the images'.
CREATE TABLE text_embeddings (
    text_id        INTEGER NOT NULL REFERENCES texts (id) ON DELETE CASCADE,
    model_id       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    vector         BLOB    NOT NULL,
    change_seq     INTEGER NOT NULL,
    PRIMARY KEY (text_id, model_id)
);
CREATE INDEX text_embeddings_change_seq ON text_embeddings (model_id, change_seq);  -- a model's new vectors

-- The ledger of files that could not be indexed. A row goes when its file succeeds or vanishes.
CREATE TABLE failures (
    path           TEXT COLLATE BINARY NOT NULL PRIMARY KEY,
    root           TEXT    NOT NULL,
    stage          TEXT    NOT NULL,               -- discover, read, decode
    reason         TEXT    NOT NULL,
    tries          INTEGER NOT NULL,
    size_bytes     INTEGER NOT NULL,               -- of the file that failed: when it changes, it is tried again
    mtime_ns       INTEGER NOT NULL,
    last_tried_at  TIMESTAMP NOT NULL
);

-- Archives whose members were listed. While so many images and failures are known below them, and size and date are
-- these, they are not opened again.
CREATE TABLE archives (
    path           TEXT COLLATE BINARY NOT NULL PRIMARY KEY, -- with the "!" that stands before the members' names
    size_bytes     INTEGER NOT NULL,
    mtime_ns       INTEGER NOT NULL,
    images         INTEGER NOT NULL                -- members with the name of an image
);

-- What a judge said, so that it need not be asked twice. The oldest go (library/catalog/vlm_answers.py).
CREATE TABLE judgements (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    content_hash   TEXT    NOT NULL,               -- the picture judged, images.content_hash
    judge          TEXT    NOT NULL,               -- model, revision and quantisation
    prompt_version TEXT    NOT NULL,               -- judge, ask or caption, and in which words it was asked
    question       TEXT    NOT NULL,
    probability    REAL,                           -- P(yes) / (P(yes) + P(no)), for a judgement
    mass           REAL,                           -- P(yes) + P(no), where the judge tells
    box_left       REAL,                           -- where it was seen, as shares of width and height
    box_top        REAL,
    box_right      REAL,
    box_bottom     REAL,
    answer         TEXT,                           -- for a question or a caption
    judged_at      TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX judgements_asked ON judgements (content_hash, judge, prompt_version, question);  -- asked once

-- Vector files published for a model. The file's own manifest decides whether it can be used.
CREATE TABLE generations (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id       INTEGER NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,
    count          INTEGER NOT NULL,               -- vectors in the file
    change_seq     INTEGER NOT NULL,               -- everything up to here is in the file
    built_at       TIMESTAMP NOT NULL
);
CREATE UNIQUE INDEX generations_number ON generations (model_id, number);  -- one row a file
