//go:build !linux

package journal

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
