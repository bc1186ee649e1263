//go:build !linux

package segment

func (l *Log) keepAhead() {}
