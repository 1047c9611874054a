package phase

import "fmt"

// Size is a number of bytes for people, with three digits: "1.20TiB", "312MiB", "17B". Fluid's columns look so.
func Size(bytes int64) string {
	const units = "KMGTPE"
	if bytes < 1024 {
		return fmt.Sprintf("%dB", bytes)
	}
	value, unit := float64(bytes)/1024, 0
	for value >= 1024 {
		value, unit = value/1024, unit+1
	}
	digits := 2
	if value >= 10 {
		digits = 1
	}
	if value >= 100 {
		digits = 0
	}
	return fmt.Sprintf("%.*f%ciB", digits, value, units[unit])
}
