// Package archive reads compressed log files as what is in them, and goes on inside of one where it was left.
//
// An offset of content counts decompressed bytes over all members (gzip, RFC 1952) or frames (zstd, RFC 8878) of a file.
// A Reader gives each byte of content once, in order, and io.EOF only at a right end: every member's CRC-32 and length,
// every frame's checksum, where it has one, was right, and nothing but NULs lies behind. Anything else is an error that
// says what and where, after all content before it was given; up to the last two bytes of a file that was cut may hold
// some bits that are not. What was given since Verified is in doubt when a check fails.
//
// A Point holds all that is needed to go on behind it, 32 KiB at most, and Points keeps the last few of each file on
// disk. A gzip member has them where a deflate block ends, but not where its blocks hold a line each; a zstd file only
// where a frame begins. They are hints: a lost or damaged one costs time, one of another file is refused.
//
// Memory is bounded whatever a file holds: 200 KiB for gzip, and the window of a zstd frame (8 MiB at most, else
// ErrRefused) with some 300 KiB. Nothing is ever written but by Points. A Reader is for one goroutine; Points for many.
package archive

import "errors"

// How reading can end but for io.EOF. What Open, Resume and Read return wraps one of these, or the error of the file
// system as it is. The text has the byte of the file and the byte of the content where it happened.
var (
	// ErrUnfinished: the file ends before its trailer. It is still being written, or was cut.
	ErrUnfinished = errors.New("the archive ends too early")
	// ErrDamaged: bits that cannot be, or a checksum or length that is not what the content has.
	ErrDamaged = errors.New("the archive is damaged")
	// ErrTrailing: all before was right, and something that is no archive follows.
	ErrTrailing = errors.New("the archive is followed by something else")
	// ErrForeign: the file does not begin like its kind.
	ErrForeign = errors.New("the file is not what its name says")
	// ErrRefused: the archive may be right, but needs what this package does not do.
	ErrRefused = errors.New("the archive cannot be read here")
	// ErrShort: the content has its right end before the byte that Resume or Skip was to begin at.
	ErrShort = errors.New("the content is shorter than was asked for")
	// ErrOtherFile: a Point was taken in another file, or this one was changed before it.
	ErrOtherFile = errors.New("the checkpoint is of another file")
)
