package dataload

import (
	"fmt"
	"path"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-cache/sluice/operator/api/v1alpha1"
	"github.com/sluice-cache/sluice/operator/api/v1alpha2"
	"github.com/sluice-cache/sluice/operator/translate"
)

// targetsMax and pathMax are the node plane's limits.
const (
	targetsMax = 1024
	pathMax    = 4096
)

// Validate says what of a DataLoad cannot work, each with what would.
func Validate(load *v1alpha2.DataLoad) field.ErrorList {
	spec := field.NewPath("spec")
	var errors field.ErrorList
	if load.Spec.Dataset.Name == "" {
		errors = append(errors, field.Required(spec.Child("dataset", "name"), "name a Dataset of this namespace"))
	}
	if other := load.Spec.Dataset.Namespace; other != "" && other != load.Namespace {
		errors = append(errors, field.Invalid(spec.Child("dataset", "namespace"), other,
			fmt.Sprintf("a DataLoad fills a Dataset of its own namespace; leave it out, or make the DataLoad in '%s'", other)))
	}
	errors = append(errors, validateSchedule(load, spec)...)
	errors = append(errors, validateTargets(load.Spec.Target, spec.Child("target"))...)
	_, _, wrong := translate.Load(&load.Spec)
	errors = append(errors, wrong...)
	if after := load.Spec.RunAfter; after != nil {
		errors = append(errors, validateRunAfter(load, after, spec.Child("runAfter"))...)
	}
	if events := load.Spec.OnEvent; events != nil {
		at := spec.Child("onEvent", "sourceEvery")
		every, err := events.SourceEvery.Duration()
		if err != nil {
			errors = append(errors, field.Invalid(at, events.SourceEvery, err.Error()))
		} else if every > 0 && every < sourceEveryMin {
			errors = append(errors, field.Invalid(at, events.SourceEvery, "at least "+sourceEveryMin.String()))
		}
	}
	if _, err := template(load); err != nil {
		errors = append(errors, field.Invalid(spec, "", err.Error()))
	}
	return errors
}

func validateSchedule(load *v1alpha2.DataLoad, spec *field.Path) (errors field.ErrorList) {
	schedule := spec.Child("schedule")
	switch {
	case policyOf(load) == v1alpha1.Cron && load.Spec.Schedule == "":
		errors = append(errors, field.Required(schedule, `the policy Cron needs one, such as "0 3 * * *" (each day at three, UTC)`))
	case policyOf(load) == v1alpha1.Cron:
		if _, err := schedules.Parse(load.Spec.Schedule); err != nil {
			errors = append(errors, field.Invalid(schedule, load.Spec.Schedule, err.Error()+`; write minute, hour, day of month, month, day of week, such as "0 3 * * *"`))
		}
	case load.Spec.Schedule != "":
		errors = append(errors, field.Invalid(schedule, load.Spec.Schedule, "only the policy Cron has a schedule; set policy: Cron"))
	}
	if load.Spec.OnEvent != nil && policyOf(load) != v1alpha1.OnEvent {
		errors = append(errors, field.Invalid(spec.Child("onEvent"), "", "only the policy OnEvent has events; set policy: OnEvent"))
	}
	return errors
}

func validateTargets(targets []v1alpha1.TargetPath, at *field.Path) (errors field.ErrorList) {
	if len(targets) > targetsMax {
		return field.ErrorList{field.TooMany(at, len(targets), targetsMax)}
	}
	for i, target := range targets {
		where := at.Index(i).Child("path")
		switch {
		case target.Path == "":
			errors = append(errors, field.Required(where, `a path of the Dataset, such as "/" or "/train/*.parquet"`))
		case len(target.Path) > pathMax:
			errors = append(errors, field.TooLong(where, "", pathMax))
		case strings.Contains(target.Path, "//") || path.Clean(target.Path) != strings.TrimSuffix(target.Path, "/") && target.Path != "/":
			errors = append(errors, field.Invalid(where, target.Path, fmt.Sprintf("write it without '.', '..' and empty parts: '%s'", path.Clean("/"+target.Path))))
		}
		if target.Replicas != nil && *target.Replicas < 1 {
			errors = append(errors, field.Invalid(at.Index(i).Child("replicas"), *target.Replicas, "at least 1"))
		}
	}
	return errors
}

func validateRunAfter(load *v1alpha2.DataLoad, after *v1alpha1.OperationRef, at *field.Path) (errors field.ErrorList) {
	if after.Kind != v1alpha1.KindDataLoad {
		errors = append(errors, field.NotSupported(at.Child("kind"), after.Kind, []v1alpha1.OperationKind{v1alpha1.KindDataLoad}))
	}
	if after.Name == "" {
		errors = append(errors, field.Required(at.Child("name"), "the DataLoad to run after"))
	}
	if after.Namespace != "" && after.Namespace != load.Namespace {
		errors = append(errors, field.Invalid(at.Child("namespace"), after.Namespace, "a load runs after one of its own namespace; leave it out"))
	}
	if after.Name == load.Name {
		errors = append(errors, field.Invalid(at.Child("name"), after.Name, "a load cannot run after itself"))
	}
	return errors
}
