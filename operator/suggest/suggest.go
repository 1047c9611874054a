// Package suggest is "did you mean …": the nearest of a set of known words. It judges as common/suggest.h does, but for
// long words, which configuration keys with dots are: a third of one is another one.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

const (
	// lengthMax of a word that is compared; longer ones have no nearest.
	lengthMax = 128
	// distanceMax of any word.
	distanceMax = 3
)

// Nearest is the candidate nearest to a word by edit distance, case ignored; empty when none is within a third of its
// length (or two, from five letters on), and three.
func Nearest(word string, candidates []string) string {
	if len(word) > lengthMax {
		return ""
	}
	allowed := max(len(word)/3, 1)
	if len(word) >= 5 {
		allowed = max(allowed, 2) // two letters swapped are a distance of 2
	}
	best, bestDistance := "", min(allowed, distanceMax)+1
	for _, candidate := range candidates {
		if distance := editDistance(strings.ToLower(word), strings.ToLower(candidate)); distance < bestDistance {
			best, bestDistance = candidate, distance
		}
	}
	return best
}

// DidYouMean is " (did you mean 'x'?)" when there is a near candidate, else "; known: a, b, c".
func DidYouMean(word string, candidates []string) string {
	if nearest := Nearest(word, candidates); nearest != "" {
		return fmt.Sprintf(" (did you mean '%s'?)", nearest)
	}
	return "; known: " + strings.Join(candidates, ", ")
}

// editDistance is Levenshtein's, one row at a time, in bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{row[j] + 1, row[j+1] + 1, replaced})
		}
	}
	return row[len(b)]
}
