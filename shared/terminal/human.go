package terminal

import (
	"fmt"
	"math"
	"time"
)

// Bytes writes a number of bytes in at most six cells: 512, 1.5K, 312M (powers of 1024).
func Bytes(n float64) string {
	units := "BKMGTPE"
	i := 0
	for ; n >= 999.5 && i < len(units)-1; i++ {
		n /= 1024
	}
	switch {
	case i == 0:
		return fmt.Sprintf("%.0f", n)
	case n < 9.95:
		return fmt.Sprintf("%.1f%c", n, units[i])
	}
	return fmt.Sprintf("%.0f%c", n, units[i])
}

// Count writes a number in few cells: whole from ten on.
func Count(n float64) string {
	if n > 0 && n < 9.95 && n != math.Trunc(n) {
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

// Age writes a length of time by its largest two units: 12s, 3m04s, 5h12m, 2d03h.
func Age(d time.Duration) string {
	s := int64(max(d, 0).Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}
