package app

import "belfry/shared/terminal"

func mapPrintable(s string) string { return terminal.Printable(s) }

func acts(r rune) bool { return terminal.Acts(r) }

func printableJSON(line []byte) []byte { return terminal.PrintableJSON(line) }
