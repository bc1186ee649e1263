// Package glob finds the files that patterns name, and opens them so that nobody can pass another file off as one.
//
// # Patterns
//
// A pattern is an absolute path with * ? [a-z] [!a-z] {a,b} and \ before a character that means itself. * and ? match
// names that begin with a dot, too. ** stands alone between slashes for any number of directories, none included;
// at the end (/a/**) it means every file below. An exclude pattern without a slash (*.gz) is held against the last
// name of a path; any other one leaves out what it names and all below it; one that ends in / or /** only what is below.
//
// # Links
//
// A symbolic link, wherever it stands in a path, is followed only if root owns it, and if the directory that it lies in
// belongs to root and can be written neither by others nor by a group but root's (a sticky bit changes nothing).
// Links of /proc, and those on a FUSE file system that a user may have mounted, are never followed. So a link that
// points from a user's directory to /etc/shadow ships nothing, also when it takes the place of a file between a look
// and an open: what is opened was reached through directories that were held open, each looked at itself.
//
// What this does not see: ACLs that let somebody write root's directory; a directory of root's, with links that
// root made in it, which lies in a user's directory and is renamed there; hard links (fs.protected_hardlinks is what
// keeps a user from linking a file of another's); who answers for the owners on a network file system.
//
// Nothing here ever waits for a FIFO, a device or a lease, and devices are not opened at all. A file system whose server is
// gone can hold any call for as long as it likes.
//
// A Set may be used by many goroutines at a time, a Dir by one.
package glob
