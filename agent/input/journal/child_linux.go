package journal

import "syscall"

// attributes make a child end with its parent (prctl(2), PR_SET_PDEATHSIG): with the thread that started it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
