package v1alpha1

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestQuota(t *testing.T) {
	for _, row := range []struct {
		text  string
		bytes int64 // 0: an error
	}{
		{`"16Gi"`, 16 << 30},
		{`"1.5G"`, 1_500_000_000},
		{`17179869184`, 17179869184},
		{`"1e3"`, 1000},
		{`"16GB"`, 0},
		{`"-1Gi"`, 0},
		{`0`, 0},
		{`""`, 0},
		{`"1e99999999999999999999"`, 0},
		{`9223372036854775807`, 1<<63 - 1},
		{`9223372036854775808`, 0},
		{`99999999999999999999999999999999999999`, 0},
		{`"500m"`, 0}, // thousandths of a byte
	} {
		var quota Quota
		if err := json.Unmarshal([]byte(row.text), &quota); err != nil {
			t.Errorf("%s cannot be read: %v", row.text, err)
			continue
		}
		if written, _ := json.Marshal(quota); strings.Trim(string(written), `"`) != strings.Trim(row.text, `"`) {
			t.Errorf("%s was written as %s", row.text, written)
		}
		quantity, err := quota.Quantity()
		if (err == nil) != (row.bytes != 0) || quantity.Value() != row.bytes {
			t.Errorf("%s: got %d, %v; want %d", row.text, quantity.Value(), err, row.bytes)
		}
	}
}
