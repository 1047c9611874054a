package translate

import (
	"testing"

	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
)

func TestLoad(t *testing.T) {
	for _, row := range []struct {
		name     string
		options  map[string]string
		fields   func(*v1alpha2.DataLoadSpec)
		want     LoadSettings
		warnings []string
		errors   []string
	}{
		{name: "nothing"},
		{name: "all", options: map[string]string{"bytesPerSecond": "100Mi", "metadataOnly": "true", "publishNative": "false"}, want: LoadSettings{BytesPerSecond: 100 << 20, MetadataOnly: true}},
		{name: "native", options: map[string]string{"publishNative": "true"}, want: LoadSettings{PublishNative: true}},
		{
			name: "fields go first", options: map[string]string{"bytesPerSecond": "1", "publishNative": "false"}, want: LoadSettings{BytesPerSecond: 5 << 30, PublishNative: true},
			fields: func(spec *v1alpha2.DataLoadSpec) { spec.BytesPerSecond, spec.PublishNative = "5Gi", true },
		},
		{
			name: "both", options: map[string]string{"metadataOnly": "true"}, errors: []string{"spec.publishNative: Invalid value: true: with metadataOnly there is nothing to publish"},
			fields: func(spec *v1alpha2.DataLoadSpec) { spec.PublishNative = true },
		},
		{name: "a limit that is none", errors: []string{`spec.bytesPerSecond: Invalid value: "fast"`}, fields: func(spec *v1alpha2.DataLoadSpec) { spec.BytesPerSecond = "fast" }},
		{name: "mistyped", options: map[string]string{"bytesPerSecnd": "1", "timeout": "5s"}, warnings: []string{
			"spec.options[bytesPerSecnd] has no effect here: it is not known (did you mean 'bytesPerSecond'?)",
			"spec.options[timeout] has no effect here: it is not known; known: bytesPerSecond, metadataOnly, publishNative"}},
		{name: "wrong", options: map[string]string{"bytesPerSecond": "100MB/s", "metadataOnly": "yes"}, errors: []string{
			`spec.options[bytesPerSecond]: Invalid value: "100MB/s"`, "spec.options[metadataOnly]: Invalid value: \"yes\": is neither true nor false"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			spec := &v1alpha2.DataLoadSpec{}
			spec.Options = row.options
			if row.fields != nil {
				row.fields(spec)
			}
			got, warnings, errs := Load(spec)
			expectMessages(t, warnings, errs, row.warnings, row.errors)
			if len(row.errors) == 0 && got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
}
